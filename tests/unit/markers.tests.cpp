// SPDX-License-Identifier: Apache-2.0
#include "libcuda/markers.h"

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/test.h"

using vgpu::guest::Markers;
using State = Markers::State;

namespace {

struct Book {
  std::unique_ptr<vgpu::ring::Header> header = std::make_unique<vgpu::ring::Header>();
  Markers markers{*header};

  // What the device does, and what the worker does that cannot ask it.
  void write(Markers::Id id) const { store(id, 0); }
  void refuse(Markers::Id id) const { store(id, vgpu::wire::kMarkerRefused); }

 private:
  void store(Markers::Id id, uint32_t more) const {
    const vgpu::wire::Marker marker = Markers::on_wire(id, 0);
    header->marker[marker.word] = marker.value | more;
  }
};

}  // namespace

TEST_CASE("a marker waits until its word has been written", "[unit][markers]") {
  Book book;
  const Markers::Id id = book.markers.take(1), other = book.markers.take(1);
  REQUIRE(id != 0);
  REQUIRE(other != id);
  CHECK(book.markers.look(id) == State::waiting);
  book.write(other);
  CHECK(book.markers.look(id) == State::waiting);
  book.write(id);
  CHECK(book.markers.look(id) == State::written);
}

TEST_CASE("a marker that was refused is not waited for", "[unit][markers]") {
  Book book;
  const Markers::Id id = book.markers.take(1);
  book.refuse(id);
  CHECK(book.markers.look(id) == State::refused);
}

TEST_CASE("no word is given out again before it has been written", "[unit][markers]") {
  Book book;
  std::vector<Markers::Id> all;
  std::set<uint32_t> words;
  while (const Markers::Id id = book.markers.take(1)) {
    all.push_back(id);
    words.insert(Markers::on_wire(id, 0).word);
  }
  CHECK(all.size() == vgpu::ring::kMarkers);
  CHECK(words.size() == vgpu::ring::kMarkers);
  for (const Markers::Id id : all) book.write(id);
  CHECK(book.markers.look(all[0]) == State::written);
  std::vector<Markers::Id> again;
  while (const Markers::Id id = book.markers.take(1)) again.push_back(id);
  CHECK(again.size() == vgpu::ring::kMarkers);
  // Present is still the old value, but the word has another owner by now.
  for (const Markers::Id id : again) book.write(id);
  CHECK(book.markers.look(all[0]) == State::lost);
  CHECK(book.markers.look(again[0]) == State::written);
}

TEST_CASE("a word that is renewed is written twice, and the first time is not the second", "[unit][markers]") {
  Book book;
  const Markers::Id first = book.markers.take(1);
  const Markers::Id second = book.markers.renew(first, 1);
  REQUIRE(second != 0);
  CHECK(Markers::on_wire(second, 0).word == Markers::on_wire(first, 0).word);
  CHECK(book.markers.look(first) == State::lost);
  book.write(first);
  CHECK(book.markers.look(second) == State::waiting);
  book.write(second);
  CHECK(book.markers.look(second) == State::written);
  CHECK(book.markers.renew(first, 1) == 0);
}

TEST_CASE("a note is a marker's until its word is used again", "[unit][markers]") {
  Book book;
  const Markers::Id id = book.markers.take(1);
  CHECK_FALSE(book.markers.note(id).has_value());
  book.markers.set_note(id, 77);
  CHECK(book.markers.note(id) == 77);
  book.write(id);
  for (uint32_t i = 0; i < vgpu::ring::kMarkers; ++i) book.write(book.markers.take(1));
  CHECK_FALSE(book.markers.note(id).has_value());
}

TEST_CASE("the words of a context that died are free again, and no others", "[unit][markers]") {
  Book book;
  std::vector<Markers::Id> dead, alive;
  for (uint32_t i = 0; i < vgpu::ring::kMarkers / 2; ++i) {
    dead.push_back(book.markers.take(1));
    alive.push_back(book.markers.take(2));
  }
  CHECK(book.markers.take(2) == 0);
  book.markers.drop_context(1);
  CHECK(book.markers.look(dead[0]) == State::refused);
  CHECK(book.markers.look(alive[0]) == State::waiting);
  size_t more = 0;
  for (uint32_t i = 0; i < vgpu::ring::kMarkers; ++i) more += book.markers.take(2) != 0;
  CHECK(more == vgpu::ring::kMarkers / 2);
  CHECK(book.markers.look(alive[0]) == State::waiting);
}

TEST_CASE("a marker is not believed for longer than a moment without another question", "[unit][markers]") {
  Book book;
  const Markers::Id id = book.markers.take(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK_FALSE(book.markers.asked_lately(id));
}

TEST_CASE("threads that take markers at the same time get different ones", "[unit][markers]") {
  Book book;
  std::vector<std::vector<Markers::Id>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken)
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < 20000; ++i)
        if (const Markers::Id id = book.markers.take(1)) {
          mine.push_back(id);
          book.write(id);
        }
    });
  for (std::thread& thread : threads) thread.join();
  std::set<Markers::Id> all;
  size_t count = 0;
  for (const auto& mine : taken) {
    all.insert(mine.begin(), mine.end());
    count += mine.size();
  }
  CHECK(count > 20000);
  CHECK(all.size() == count);
}
