// SPDX-License-Identifier: Apache-2.0
// Fuzzes what reports are made of: requests for readings, which vgpud parses, and records of traces, which a worker has
// written and vgpu-smi shows, perhaps to root. The first byte says which, and in what pieces records arrive.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "common/nvml/reading.h"
#include "tools/vgpu_smi/trace/print.h"
#include "tools/vgpu_smi/trace/record.h"

namespace {

using namespace vgpu;

void as_request(std::span<const std::byte> bytes) {
  auto named = nvml::read_name(bytes);
  if (!named || named->call == nullptr) return;
  auto reading = nvml::Prepared::create(*named->call, named->parameters);
  if (!reading) return;
  // As the library would find it, and as it would leave it.
  static_cast<void>(nvml::check_arguments(*named->call, reading->argv()));
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  reading->put_answer(NVML_SUCCESS, writer);
  codec::Reader reader(answer);
  if (nvml::take_answer(*named->call, reading->argv(), reader) == NVML_SUCCESS && !reader.complete()) std::abort();
}

void as_records(std::span<const std::byte> bytes, size_t piece) {
  smi::RecordStream stream;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    stream.add(part);
    bytes = bytes.subspan(part.size());
    while (const auto call = stream.next()) {
      // One line, whatever the worker has put into names and values.
      const std::string line = smi::trace_line(*call);
      if (line.find('\n') != line.size() - 1 || line.find('\x1b') != line.npos) std::abort();
      static_cast<void>(smi::trace_json(*call).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    if (stream.broken()) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] == 0) as_request(bytes);
  else as_records(bytes, data[0]);
  return 0;
}
