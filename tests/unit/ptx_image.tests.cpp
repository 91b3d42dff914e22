// SPDX-License-Identifier: Apache-2.0
// Code images: fat binaries made here byte by byte, and which PTX of them a device gets.
#include "softgpu/ptx/image.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/test.h"
#include "tests/unit/fat_binary.h"

using namespace vgpu;
using namespace vgpu::soft::ptx;
using namespace vgpu::test;

namespace {

struct Wrapper {
  uint32_t magic = fatbin::kWrapperMagic, version = 1;
  const void* data = nullptr;
  const void* extra = nullptr;
};

// What a device of this capability gets, or the error.
Result<std::vector<std::string>, CUresult> chosen(const std::string& bytes, ComputeCapability device) {
  const auto entries = read_image(span_of(bytes));
  if (!entries.ok()) return entries.error();
  return choose_ptx(entries.value(), device);
}

CUresult error_of(const std::string& bytes, ComputeCapability device = {7, 5}) {
  const auto texts = chosen(bytes, device);
  return texts.ok() ? CUDA_SUCCESS : texts.error();
}

// Everything that a driver does with untrusted bytes, in memory of exactly their size so that a sanitizer sees
// every access outside.
void exercise(const std::string& bytes) {
  const std::unique_ptr<std::byte[]> exact(new std::byte[bytes.size()]);
  std::memcpy(exact.get(), bytes.data(), bytes.size());
  const auto entries = read_image(std::span<const std::byte>(exact.get(), bytes.size()));
  if (!entries.ok()) return;
  for (const ImageEntry& each : entries.value()) (void)entry_text(each.entry);
  (void)choose_ptx(entries.value(), {9, 0});
}

// An ELF file with a section of this name and contents. Machine 190 is a GPU, 62 is x86-64.
std::string elf_with(const std::string& name, const std::string& contents, uint16_t machine) {
  const std::string names = '\0' + name + '\0';
  std::string bytes(64 + 3 * 64, '\0');
  std::memcpy(bytes.data(),
              "\x7f"
              "ELF\x02\x01\x01",
              7);
  put<uint16_t>(bytes, 18, machine);
  put<uint64_t>(bytes, 40, 64);  // e_shoff
  put<uint16_t>(bytes, 58, 64);  // e_shentsize
  put<uint16_t>(bytes, 60, 3);   // e_shnum
  put<uint16_t>(bytes, 62, 1);   // e_shstrndx
  const auto section = [&bytes](size_t index, uint32_t name_offset, uint64_t size) {
    const size_t header = 64 + index * 64;
    put<uint32_t>(bytes, header, name_offset);
    put<uint32_t>(bytes, header + 4, 1);  // SHT_PROGBITS
    put<uint64_t>(bytes, header + 24, bytes.size());
    put<uint64_t>(bytes, header + 32, size);
  };
  section(1, 0, names.size());
  bytes += names;
  section(2, 1, contents.size());
  bytes += contents;
  return bytes;
}

std::string small_elf() { return elf_with(".text", std::string(32, 'x'), 190); }

std::string archive_of(const std::vector<std::string>& members) {
  std::string bytes = "!<arch>\n";
  for (const std::string& member : members) {
    std::string header(60, ' ');
    header.replace(0, 3, "m.o");
    const std::string size = std::to_string(member.size());
    header.replace(48, size.size(), size);
    header.replace(58, 2, "`\n");
    bytes += header + member;
    if (member.size() % 2 != 0) bytes += '\n';
  }
  return bytes;
}

}  // namespace

TEST_CASE("the newest PTX that the device can run is chosen and cubins are skipped", "[unit]") {
  const std::string bytes =
      container({{kCubin, 75}, {kPtx, 60, 0, "old"}, {kPtx, 70, 0, "new"}, {kPtx, 80, 0, "later"}});
  CHECK(chosen(bytes, {7, 5}).value() == std::vector<std::string>{"new"});
  CHECK(chosen(bytes, {8, 6}).value() == std::vector<std::string>{"later"});
  CHECK(chosen(bytes, {6, 1}).value() == std::vector<std::string>{"old"});
}

TEST_CASE("where later code may run, the oldest of it does if there is no other", "[unit]") {
  const auto texts = [](const std::string& bytes) {
    return choose_ptx(read_image(span_of(bytes)).value(), {7, 5}, LaterCode::runs);
  };
  CHECK(texts(container({{kPtx, 90, 0, "90"}, {kPtx, 80, 0, "80"}})).value() == std::vector<std::string>{"80"});
  CHECK(texts(container({{kPtx, 90, 0, "90"}, {kPtx, 70, 0, "70"}})).value() == std::vector<std::string>{"70"});
  CHECK(texts(".version 8.0\n.target sm_90\n").value().size() == 1);
  CHECK(texts(container({{kPtx, 90, kSpecific, "90a"}})).error() == CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(texts(container({{kCubin, 90}})).error() == CUDA_ERROR_NO_BINARY_FOR_GPU);
}

TEST_CASE("no PTX for the device is no binary for GPU", "[unit]") {
  CHECK(error_of(container({{kPtx, 80}})) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(error_of(container({{kCubin, 75}, {kIr, 75}})) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(error_of(container({})) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(error_of(small_elf()) == CUDA_ERROR_NO_BINARY_FOR_GPU);
}

TEST_CASE("architecture-specific PTX runs on that capability alone, family-specific PTX in its family", "[unit]") {
  const std::string bytes =
      container({{kPtx, 90, kSpecific, "90a"}, {kPtx, 100, kFamily, "100f"}, {kPtx, 80, 0, "80"}});
  CHECK(chosen(bytes, {9, 0}).value()[0] == "90a");
  CHECK(chosen(bytes, {10, 3}).value()[0] == "100f");
  CHECK(chosen(bytes, {12, 0}).value()[0] == "80");
  const std::string both = container({{kPtx, 90, kSpecific, "special"}, {kPtx, 90, 0, "plain"}});
  CHECK(chosen(both, {9, 0}).value()[0] == "plain");
}

TEST_CASE("compressed entries are decompressed and padding is stripped", "[unit]") {
  const std::string text = std::string(5000, 'x') + "\n.target sm_75\n";
  CHECK(chosen(container({{kPtx, 75, kLz4, text}}), {7, 5}).value()[0] == text);
  CHECK(chosen(container({{kPtx, 75, kZstd, text}}), {7, 5}).value()[0] == text);
  CHECK(chosen(container({{kPtx, 75, 0, "abc", 120}}), {7, 5}).value()[0] == "abc");
  CHECK(error_of(container({{kPtx, 75, kOld, text}})) == CUDA_ERROR_NOT_SUPPORTED);
}

TEST_CASE("a corrupt compressed entry is an invalid image", "[unit]") {
  std::string bytes = container({{kPtx, 75, kZstd, std::string(5000, 'x')}});
  bytes[16 + 64] ^= 0x55;
  CHECK(error_of(bytes) == CUDA_ERROR_INVALID_IMAGE);
  std::string huge = container({{kPtx, 75, kLz4, "text"}});
  put<uint64_t>(huge, 16 + 56, uint64_t{1} << 60);
  CHECK(error_of(huge) == CUDA_ERROR_INVALID_IMAGE);
}

TEST_CASE("containers back to back are one image", "[unit]") {
  const std::string bytes = container({{kPtx, 60, 0, "first"}}) + container({{kPtx, 75, 0, "second"}});
  CHECK(chosen(bytes, {7, 5}).value() == std::vector<std::string>{"second"});
  CHECK(fatbin::locate_image(bytes.data())->bytes.size() < bytes.size());
  CHECK(fatbin::locate_image(span_of(bytes))->bytes.size() == bytes.size());
}

TEST_CASE("a wrapper leads to its container", "[unit]") {
  const std::string bytes = container({{kPtx, 75, 0, "text"}});
  const Wrapper wrapper{.data = bytes.data()};
  const auto image = fatbin::locate_image(&wrapper);
  REQUIRE(image.has_value());
  CHECK(image->kind == fatbin::ImageKind::container);
  CHECK(image->bytes.data() == span_of(bytes).data());
  CHECK(image->bytes.size() == bytes.size());
  CHECK(choose_ptx(read_image(&wrapper).value(), {7, 5}).value()[0] == "text");
}

TEST_CASE("relocatable device code gives the PTX of every object that has some", "[unit]") {
  const std::string linked = container({{kCubin, 80}}), one = container({{kPtx, 75, 0, "one"}, {kCubin, 80}}),
                    runtime = container({{kPtx, 121, 0, "runtime"}}), two = container({{kPtx, 75, 0, "two"}});
  const std::array<const void*, 4> objects{one.data(), runtime.data(), two.data(), nullptr};
  const Wrapper wrapper{.version = 2, .data = linked.data(), .extra = objects.data()};
  CHECK(choose_ptx(read_image(&wrapper).value(), {7, 5}).value() == std::vector<std::string>{"one", "two"});
  CHECK(fatbin::locate_image(&wrapper)->prelinked.size() == 3);
}

TEST_CASE("where later code may run, an object with machine code for that device does without its PTX for others",
          "[unit]") {
  const std::string linked = container({{kCubin, 80}}), one = container({{kPtx, 80, 0, "one"}, {kCubin, 80}}),
                    runtime = container({{kCubin, 75}, {kCubin, 80}, {kCubin, 90}, {kPtx, 121, 0, "runtime"}}),
                    two = container({{kPtx, 90, 0, "two"}, {kCubin, 90}});
  const std::array<const void*, 4> objects{one.data(), runtime.data(), two.data(), nullptr};
  const Wrapper wrapper{.version = 2, .data = linked.data(), .extra = objects.data()};
  CHECK(choose_ptx(read_image(&wrapper).value(), {7, 5}, LaterCode::runs).value() ==
        std::vector<std::string>{"one", "two"});
}

TEST_CASE("a linked image that has PTX itself needs no objects", "[unit]") {
  const std::string linked = container({{kPtx, 75, 0, "whole"}}), one = container({{kPtx, 75, 0, "one"}});
  const std::array<const void*, 2> objects{one.data(), nullptr};
  const Wrapper wrapper{.version = 2, .data = linked.data(), .extra = objects.data()};
  CHECK(choose_ptx(read_image(&wrapper).value(), {7, 5}).value() == std::vector<std::string>{"whole"});
}

TEST_CASE("a wrapper of unknown size only: a sized one is refused", "[unit]") {
  const std::string bytes = container({{kPtx, 75}});
  const Wrapper wrapper{.data = bytes.data()};
  CHECK(error_of(std::string(reinterpret_cast<const char*>(&wrapper), sizeof(wrapper))) == CUDA_ERROR_INVALID_IMAGE);
  const Wrapper strange{.version = 3, .data = bytes.data()};
  CHECK(read_image(&strange).error() == CUDA_ERROR_INVALID_IMAGE);
  const Wrapper empty{};
  CHECK(read_image(&empty).error() == CUDA_ERROR_INVALID_IMAGE);
}

TEST_CASE("PTX text is an image, with its NUL and, if sized, without", "[unit]") {
  const std::string text = "// x\n.version 7.5\n.target sm_75\n";
  const auto image = fatbin::locate_image(text.c_str());
  REQUIRE(image.has_value());
  CHECK(image->kind == fatbin::ImageKind::ptx);
  CHECK(image->bytes.size() == text.size() + 1);
  const auto entries = read_image(text.c_str());
  CHECK(entries.value()[0].entry.architecture == 75);
  CHECK(entries.value()[0].entry.version_minor == 5);
  CHECK(chosen(text, {7, 5}).value()[0] == text);
  CHECK(chosen(text + '\0', {7, 5}).value()[0] == text);
  CHECK(chosen(text + '\0' + "junk", {7, 5}).value()[0] == text);
  CHECK(error_of(".version 8.0\n.target sm_90\n") == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE("an ELF file is as long as its headers say", "[unit]") {
  const std::string elf = small_elf();
  CHECK(fatbin::locate_image(elf.data())->bytes.size() == elf.size());
  CHECK(fatbin::locate_image(span_of(elf + "junk"))->bytes.size() == elf.size());
  CHECK_FALSE(fatbin::locate_image(span_of(elf).first(elf.size() - 1)).has_value());
}

TEST_CASE("an archive needs its size", "[unit]") {
  const std::string archive = archive_of({"member"});
  CHECK_FALSE(fatbin::locate_image(archive.c_str()).has_value());
  CHECK(fatbin::locate_image(span_of(archive))->kind == fatbin::ImageKind::archive);
  CHECK(error_of(archive) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(error_of("!<arch>\nmember") == CUDA_ERROR_INVALID_IMAGE);
}

TEST_CASE("every fat binary inside host objects and archives is an object to link", "[unit]") {
  const std::string one = container({{kPtx, 75, 0, "one"}}), two = container({{kPtx, 75, kZstd, "two"}});
  const std::string object = elf_with("__nv_relfatbin", one + std::string(8, '\0') + two, 62);
  CHECK(chosen(object, {7, 5}).value() == std::vector<std::string>{"one", "two"});
  const std::string plain = elf_with(".text", "code", 62), other = elf_with(".nv_fatbin", two, 62);
  const std::string archive = archive_of({"text", object, plain, other});
  CHECK(chosen(archive, {7, 5}).value() == std::vector<std::string>{"one", "two", "two"});
  CHECK(error_of(elf_with(".nv_fatbin", one.substr(0, one.size() - 8), 62)) == CUDA_ERROR_INVALID_IMAGE);
}

TEST_CASE("sections of an object that share their bytes are refused", "[unit]") {
  std::string object = elf_with(".nv_fatbin", container({{kPtx, 75, 0, std::string(400, 'x')}}), 62);
  CHECK(chosen(object, {7, 5}).ok());
  // A fourth header, the third one again, where the file ends.
  object.insert(64 + 3 * 64, object.substr(64 + 2 * 64, 64));
  put<uint16_t>(object, 60, 4);
  for (const size_t header : {1, 2, 3}) {
    uint64_t offset = 0;
    std::memcpy(&offset, object.data() + 64 + header * 64 + 24, sizeof offset);
    put<uint64_t>(object, 64 + header * 64 + 24, offset + 64);
  }
  CHECK(error_of(object) == CUDA_ERROR_INVALID_IMAGE);
}

TEST_CASE("an image whose texts are too large together is refused before they are unpacked", "[unit]") {
  const std::string bomb = container({{kPtx, 75, kZstd, std::string(1 << 20, ' ')}});
  std::string boast = bomb;
  put<uint64_t>(boast, 16 + 56, (boast.size() - 16) * 4000);
  const size_t enough = (size_t{1} << 30) / ((boast.size() - 16) * 4000) + 2;
  const std::vector<const void*> objects = [&] {
    std::vector<const void*> all(enough, boast.data());
    all.front() = bomb.data();
    all.push_back(nullptr);
    return all;
  }();
  const std::string linked = container({{kCubin, 75}});
  const Wrapper wrapper{.version = 2, .data = linked.data(), .extra = objects.data()};
  const auto entries = read_image(&wrapper);
  REQUIRE(entries.ok());
  CHECK(choose_ptx(entries.value(), {7, 5}).error() == CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_CASE("NULL, nothing and noise are no images", "[unit]") {
  CHECK(read_image(static_cast<const void*>(nullptr)).error() == CUDA_ERROR_INVALID_VALUE);
  CHECK(error_of("") == CUDA_ERROR_INVALID_IMAGE);
  CHECK(error_of("\x01\x02\x03\x04\x05\x06") == CUDA_ERROR_INVALID_IMAGE);
  CHECK_FALSE(fatbin::locate_image("").has_value());
  CHECK_FALSE(fatbin::locate_image("\x01").has_value());
}

TEST_CASE("every proper prefix of a container is refused", "[unit]") {
  const std::string bytes = container({{kPtx, 75, kZstd, std::string(300, 'y')}, {kCubin, 80}});
  // Fewer than four bytes are no magic number, but the letter P: a text that the parser refuses.
  for (size_t length = 4; length < bytes.size(); ++length) {
    exercise(bytes.substr(0, length));
    CHECK(error_of(bytes.substr(0, length)) == CUDA_ERROR_INVALID_IMAGE);
  }
}

TEST_CASE("flipped bits never read outside the image", "[unit]") {
  const std::vector<EntrySpec> specs{{kPtx, 75, kLz4, std::string(200, 'y')}, {kPtx, 80, kZstd, std::string(200, 'z')}};
  const std::string object = elf_with(".nv_fatbin", container(specs), 62);
  for (const std::string& bytes : {container(specs), small_elf(), object, archive_of({object})}) {
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = char(damaged[bit / 8] ^ (1 << bit % 8));
      exercise(damaged);
    }
  }
  SUCCEED("nothing crashed");
}
