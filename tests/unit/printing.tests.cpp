// SPDX-License-Identifier: Apache-2.0
#include "host/worker/printing.h"

#include <elf.h>

#include "tests/support/test.h"
#include "tests/unit/fat_binary.h"

using namespace vgpu::test;
using vgpu::host::may_print;

namespace {

const std::string kSilent = ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k() { ret; }\n";
const std::string kPrinting = kSilent + ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);\n";

// A cubin with nothing but a header and these bytes behind it, which the header counts as its section table.
std::string cubin(const std::string& bytes, uint16_t machine = 190) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_machine = machine;
  header.e_shoff = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>((bytes.size() + sizeof(Elf64_Shdr) - 1) / sizeof(Elf64_Shdr));
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  file += bytes;
  file.resize(sizeof header + header.e_shnum * sizeof(Elf64_Shdr));
  return file;
}

}  // namespace

TEST_CASE("PTX prints when it names vprintf, and cannot when it does not", "[unit][printing]") {
  CHECK_FALSE(may_print(span_of(kSilent + '\0')));
  CHECK(may_print(span_of(kPrinting + '\0')));
}

TEST_CASE("a cubin prints when it names vprintf, and other ELF files may", "[unit][printing]") {
  CHECK_FALSE(may_print(span_of(cubin("malloc"))));
  CHECK(may_print(span_of(cubin(std::string("free\0vprintf", 12)))));
  CHECK(may_print(span_of(cubin("malloc", EM_X86_64))));
}

TEST_CASE("compressed code is looked into", "[unit][printing]") {
  for (const uint64_t compression : {uint64_t{0}, kLz4, kZstd}) {
    const EntrySpec silent = {kPtx, 75, compression, kSilent}, printing = {kPtx, 75, compression, kPrinting};
    const EntrySpec quiet_cubin = {kCubin, 90, compression, cubin("malloc")};
    const EntrySpec loud_cubin = {kCubin, 90, compression, cubin("vprintf")};
    CHECK_FALSE(may_print(span_of(container({silent, quiet_cubin}))));
    CHECK(may_print(span_of(container({silent, printing}))));
    CHECK(may_print(span_of(container({loud_cubin, silent}))));
  }
}

TEST_CASE("what cannot be looked into may print", "[unit][printing]") {
  CHECK(may_print({}));
  CHECK(may_print(span_of("\x01\x02\x03\x04\x05\x06\x07\x08")));
  CHECK(may_print(span_of(container({}))));
  CHECK(may_print(span_of(container({EntrySpec{kIr, 75, 0, kSilent}}))));
  CHECK(may_print(span_of(container({EntrySpec{kPtx, 75, kOld, kSilent}}))));
  std::string corrupt = container({EntrySpec{kPtx, 75, kZstd, kSilent}});
  corrupt[16 + 64] = static_cast<char>(corrupt[16 + 64] ^ 0x55);
  CHECK(may_print(span_of(corrupt)));
  const std::string whole = container({EntrySpec{kPtx, 75, 0, kSilent}});
  CHECK(may_print(span_of(whole.substr(0, whole.size() - 8))));
  CHECK(may_print(span_of(kSilent + std::string(40 << 20, ' '))));
}
