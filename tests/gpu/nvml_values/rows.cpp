// SPDX-License-Identifier: Apache-2.0
// Questions whose arguments follow from their rows (vgpu/nvml/rows.h): every value that a parameter may have, a place
// for each result. What would change the card is never asked.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "tests/gpu/nvml_values/asking.h"

namespace vgpu::nvml_values {
namespace {

using nvml::Call;
using nvml::Param;
using nvml::Role;

std::map<std::string, std::vector<uint32_t>>& known_versions() {
  static std::map<std::string, std::vector<uint32_t>> all;
  return all;
}

template <class T>
constexpr uint8_t unit_of_type() {
  return alignof(T) == 8 ? 8 : 4;
}
template <class Mark>
struct Unit {
  static constexpr uint8_t value = 4;
};
template <class T>
struct Unit<nvml::Out<T>> {
  static constexpr uint8_t value = unit_of_type<T>();
};
template <class T>
struct Unit<nvml::List<T>> {
  static constexpr uint8_t value = unit_of_type<T>();
};
template <uint32_t kBytes>
struct Unit<nvml::Buffer<kBytes>> {
  static constexpr uint8_t value = 1;
};
template <>
struct Unit<nvml::Text> {
  static constexpr uint8_t value = 1;
};

// What a question of a row says beside its places.
struct Choice {
  std::vector<uint32_t> values;  // of the parameters that are values, in order
  uint32_t version = 0;          // of versioned structs
  uint32_t room = 0;             // for texts and lists
};

// One question, with the places of its results.
class Question {
 public:
  Question(const Family& family, Choice choice) : family_(family), choice_(std::move(choice)) {}

  int ask(Asking& asking);
  const std::string& text() const { return text_; }
  std::vector<std::string> results() const;

 private:
  void add(const Param& param, size_t index, std::vector<Word>& words, nvmlDevice_t device);
  void note(const std::string& argument) { text_ += (text_.empty() ? "" : ",") + argument; }

  const Family& family_;
  const Choice choice_;
  std::vector<std::vector<std::byte>> places_;
  std::vector<uint32_t> counts_;
  std::string text_;
  size_t next_value_ = 0;
};

void Question::add(const Param& param, size_t index, std::vector<Word>& words, nvmlDevice_t device) {
  std::vector<std::byte>& place = places_[index];
  switch (param.role) {
    case Role::device: words.push_back(word(device)); break;
    case Role::value:
      note(std::to_string(choice_.values[next_value_]));
      words.push_back(choice_.values[next_value_++]);
      break;
    case Role::out:
      // NVIDIA's library may write a longer one than is documented.
      place.resize(param.bytes + 64);
      words.push_back(word(place.data()));
      break;
    case Role::sized:
      place.resize(param.bytes);
      std::memcpy(place.data(), &choice_.version, sizeof choice_.version);
      note("version " + std::to_string(choice_.version >> 24) + " of " + std::to_string(choice_.version & 0xffffff) +
           " bytes");
      words.push_back(word(place.data()));
      break;
    case Role::text:
      place.resize(param.bytes);
      note("room for " + std::to_string(choice_.room));
      words.insert(words.end(), {word(place.data()), choice_.room});
      break;
    case Role::list:
      place.resize(size_t{param.bytes} * nvml::kMaxElements);
      counts_[index] = choice_.room;
      note("room for " + std::to_string(choice_.room));
      words.insert(words.end(), {word(&counts_[index]), choice_.room == 0 ? 0 : word(place.data())});
      break;
    case Role::fields:
    case Role::none: break;
  }
}

int Question::ask(Asking& asking) {
  places_.assign(family_.row.params, {});
  counts_.assign(family_.row.params, 0);
  std::vector<Word> words;
  for (size_t i = 0; i < family_.row.params; ++i) add(family_.row.param[i], i, words, asking.device());
  words.resize(nvml::kMaxParams);
  return asking.call(family_.row.name, text_, {words[0], words[1], words[2], words[3], words[4], words[5]});
}

std::vector<std::string> Question::results() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < family_.row.params; ++i) {
    const Param& param = family_.row.param[i];
    const std::span<const std::byte> place(places_[i]);
    if (param.role == Role::out) all.push_back(shown(place.first(param.bytes), family_.unit[i]));
    if (param.role == Role::sized) all.push_back(shown(place, 4));
    if (param.role == Role::text) all.push_back(shown(place, 1));
    if (param.role != Role::list) continue;
    all.push_back("n=" + std::to_string(counts_[i]));
    const size_t there = std::min(counts_[i], choice_.room);
    for (size_t k = 0; k < there; ++k)
      all.push_back(shown(place.subspan(k * param.bytes, param.bytes), family_.unit[i]));
  }
  return all;
}

bool has_role(const Call& call, Role role) {
  return std::any_of(call.param, call.param + call.params, [&](const Param& param) { return param.role == role; });
}

// Clocks of memory, for the row that takes one of them.
std::vector<uint32_t> memory_clocks(Asking& asking) {
  unsigned count = nvml::kMaxElements;
  std::vector<uint32_t> clocks(count);
  if (asking.call("nvmlDeviceGetSupportedMemoryClocks", "",
                  {word(asking.device()), word(&count), word(clocks.data())}) != 0)
    count = 0;
  clocks.resize(std::min<size_t>(count, clocks.size()));
  clocks.push_back(1);
  return clocks;
}

// Every combination of what the values may be.
std::vector<std::vector<uint32_t>> combinations(Asking& asking, const Call& call) {
  constexpr uint32_t kLength = 4096, kClock = 65536;
  std::vector<std::vector<uint32_t>> all = {{}};
  for (const Param& param : std::span(call.param, call.params)) {
    if (param.role != Role::value) continue;
    std::vector<uint32_t> values;
    if (param.limit == kLength) values = {80};
    else if (param.limit == kClock) values = memory_clocks(asking);
    else
      for (uint32_t value = 0; value < param.limit; ++value) values.push_back(value);
    std::vector<std::vector<uint32_t>> longer;
    for (const auto& begun : all)
      for (const uint32_t value : values) {
        longer.push_back(begun);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  return all;
}

// The first words of structs that the library takes: those that another run found, or all that are tried here. A
// library that says the same of an impossible one does not look at it.
std::vector<uint32_t> versions_of(Asking& asking, const Family& family, const std::vector<uint32_t>& values) {
  constexpr uint32_t kImpossible = 0x7f000004, kVersions = 4, kLargest = 12288;
  std::vector<uint32_t> found = {kImpossible};
  if (!has_role(family.row, Role::sized)) return {0};
  if (const auto known = known_versions().find(family.name); known != known_versions().end()) {
    found.insert(found.end(), known->second.begin(), known->second.end());
    return found;
  }
  if (!known_versions().empty()) return found;
  const auto is_refused = [&](uint32_t version) {
    const int code = Question(family, {values, version, 0}).ask(asking);
    return code == NVML_ERROR_ARGUMENT_VERSION_MISMATCH || code == NVML_ERROR_INVALID_ARGUMENT ||
           code == NVML_ERROR_FUNCTION_NOT_FOUND;
  };
  if (!is_refused(kImpossible)) return found;
  for (uint32_t number = 1; number <= kVersions; ++number)
    for (uint32_t bytes = 4; bytes <= kLargest; bytes += 4)
      if (const uint32_t version = bytes | number << 24; !is_refused(version)) found.push_back(version);
  for (size_t i = 1; i < found.size(); ++i) std::printf("version %s %u\n", family.name.c_str(), found[i]);
  return found;
}

void ask_row(Asking& asking, const Family& family) {
  const bool has_room = has_role(family.row, Role::text) || has_role(family.row, Role::list);
  const auto values = combinations(asking, family.row);
  const std::vector<uint32_t> versions = versions_of(asking, family, values.front());
  for (const auto& some : values)
    for (const uint32_t version : versions)
      for (const uint32_t room : has_room ? std::vector<uint32_t>{nvml::kMaxText, 0} : std::vector<uint32_t>{0}) {
        Question question(family, {some, version, room});
        const int code = question.ask(asking);
        const bool tells = code == 0 || (code == NVML_ERROR_INSUFFICIENT_SIZE && has_role(family.row, Role::list));
        asking.tell(family.row.name, question.text(), code, tells ? question.results() : std::vector<std::string>());
      }
}

template <class... Marks>
Family family_of(const Call& call) {
  Family family = {call.name, &ask_row, call, {}};
  size_t at = 0;
  ((family.unit[at++] = Unit<Marks>::value), ...);
  static_cast<void>(at);
  return family;
}

bool is_asked(const Call& call) {
  if (call.path == nvml::Path::denied || call.path == nvml::Path::unsupported || call.params == 0) return false;
  return !has_role(call, Role::none) && !has_role(call, Role::fields);
}

}  // namespace

std::vector<Family> families_of_rows() {
  std::vector<Family> all;
#define NVML(name, path, ...)                                                                                    \
  if (const Call row_of_##name = nvml::make_call<__VA_ARGS__>(#name, nvml::Path::path); is_asked(row_of_##name)) \
    all.push_back(family_of<__VA_ARGS__>(row_of_##name));
  using namespace nvml;
#include "vgpu/nvml/rows.h"
  return all;
}

void take_versions_of(const char* file) {
  std::ifstream lines(file);
  // None found is something else than none sought.
  known_versions()[""] = {};
  for (std::string first, name, rest; lines >> first; std::getline(lines, rest))
    if (uint32_t version = 0; first == "version" && lines >> name >> version) known_versions()[name].push_back(version);
}

}  // namespace vgpu::nvml_values
