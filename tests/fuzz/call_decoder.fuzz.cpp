// SPDX-License-Identifier: Apache-2.0
// Fuzzes the codec with every row of the driver API: the bytes are taken for a request, and for a reply.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "vgpu/api/rows.h"

#include <cstdio>
#include <string>

#include "tests/support/row_arguments.h"

namespace {

using namespace vgpu;

[[noreturn]] void broken(const Call& call, const char* what) {
  std::fprintf(stderr, "%s: %s\n", call.name, what);
  __builtin_trap();
}

// Knows almost every handle, so that the bytes get past the first one.
class AnyHandles final : public codec::HandleMap {
 public:
  bool resolve(Kind, uint64_t wire, uint64_t& real) override {
    real = wire ^ test::kMirror;
    return (wire & 7) != 7;
  }
  uint64_t add(Kind, uint64_t real) override { return real ^ test::kMirror; }
  uint64_t find_or_add(Kind, uint64_t real) override { return real ^ test::kMirror; }
  void drop(Kind, uint64_t) override {}
};

// What the driver may rely on: every pointer is NULL or leads to memory of the size that the row promises.
void touch(const Call& call, const codec::Arguments& arguments) {
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (!test::is_pointer(param.role)) continue;
    std::byte* pointer = nullptr;
    std::memcpy(&pointer, arguments.argv[i], sizeof pointer);
    if (pointer == nullptr) continue;
    const uint64_t bytes = test::has_elements(param.role) ? arguments.capacity[i] * param.size : param.size;
    if (bytes > codec::Arena::kMax) broken(call, "more room than the cap");
    if (param.role == Role::cstr) static_cast<void>(std::strlen(reinterpret_cast<char*>(pointer)));
    else if (bytes > 0) pointer[0] ^= pointer[bytes - 1];
  }
}

void as_request(const Call& call, std::span<const std::byte> data) {
  codec::Reader reader(data);
  codec::Arena arena;
  codec::Arguments arguments;
  AnyHandles handles;
  if (codec::decode_request(call, reader, handles, arena, arguments).status != codec::Decoded::ok) return;
  if (!reader.complete()) broken(call, "a request with bytes left over was accepted");
  touch(call, arguments);
  std::vector<std::byte> reply;
  codec::Writer writer(reply);
  codec::encode_reply(call, arguments, handles, writer);
}

void as_reply(const Call& call, std::span<const std::byte> data) {
  test::Random random(data.empty() ? 0 : static_cast<uint64_t>(data[0]));
  test::RowArguments arguments(call, random);
  codec::Reader reader(data);
  test::RecordingObserver observer;
  if (codec::decode_reply(call, reader, arguments.argv(), observer) && !reader.complete())
    broken(call, "a reply with bytes left over was accepted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The first two bytes choose a row: one for each input, so that what is found is found for a reason.
  if (size < 2) return 0;
  const auto chosen = static_cast<uint16_t>((data[0] | data[1] << 8) % 1024);
  const Call* call = nullptr;
  for (uint16_t i = 0; i < 1024 && call == nullptr; ++i) {
    const Call* candidate = vgpu::api::find_row(static_cast<uint16_t>((chosen + i) % 1024));
    if (candidate != nullptr && candidate->path != Path::local && candidate->path != Path::refuse) call = candidate;
  }
  const auto bytes = std::as_bytes(std::span(data + 2, size - 2));
  as_request(*call, bytes);
  as_reply(*call, bytes);
  return 0;
}
