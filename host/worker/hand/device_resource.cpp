// SPDX-License-Identifier: Apache-2.0
// Device resources are structs with a part that only the driver understands. A program must not change them, so the
// driver only gets to see what it handed out itself, byte for byte.
#include <algorithm>
#include <array>
#include <mutex>
#include <set>

#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

using Bytes = std::array<std::byte, sizeof(CUdevResource)>;

Bytes bytes_of(const CUdevResource& resource) {
  Bytes bytes;
  std::memcpy(bytes.data(), &resource, sizeof resource);
  return bytes;
}

class KnownResources {
 public:
  void add(const CUdevResource& resource) {
    const std::lock_guard lock(mutex_);
    known_.insert(bytes_of(resource));
  }
  bool contains(const CUdevResource& resource) const {
    const std::lock_guard lock(mutex_);
    return known_.contains(bytes_of(resource));
  }

 private:
  mutable std::mutex mutex_;  // guards known_
  std::set<Bytes> known_;
};

KnownResources& known_resources() {
  static KnownResources resources;  // One session per process.
  return resources;
}

// The resources behind argument `i`; `limit` elements at most.
std::span<CUdevResource> resources_of(const RowCall& row, int i, uint64_t limit) {
  auto* first = row.argument<CUdevResource*>(i);
  return first == nullptr ? std::span<CUdevResource>() : std::span(first, static_cast<size_t>(limit));
}

bool is_resource(const Param& param) {
  return param.size == sizeof(CUdevResource) && param.role != Role::value && param.role != Role::handle;
}

}  // namespace

// Every call with a CUdevResource in it.
CUresult device_resource(Invocation& invocation) {
  RowCall row{*api::find_row(invocation.command.opcode), {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  for (int i = 0; i < row.call.argc; ++i) {
    const Param& param = row.call.param[i];
    const bool goes_in = param.role == Role::copies || param.role == Role::reads;
    if (!is_resource(param) || !goes_in) continue;
    const uint64_t count = param.role == Role::reads ? row.arguments.capacity[i] : 1;
    for (const CUdevResource& resource : resources_of(row, i, count))
      if (!known_resources().contains(resource)) return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
  }
  const CUresult status = invocation.session.driver.call(row.call.opcode, row.arguments.argv);
  if (status != CUDA_SUCCESS) return status;
  for (int i = 0; i < row.call.argc; ++i) {
    const Param& param = row.call.param[i];
    uint64_t count = 1;
    if (param.role == Role::writes) {
      const auto* written = row.argument<unsigned*>(param.count_arg);
      count = written == nullptr ? 0 : std::min<uint64_t>(*written, row.arguments.capacity[i]);
    }
    if (!is_resource(param) || (param.role != Role::out && param.role != Role::writes)) continue;
    for (const CUdevResource& resource : resources_of(row, i, count)) known_resources().add(resource);
  }
  codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return status;
}

}  // namespace vgpu::host::hand
