// SPDX-License-Identifier: Apache-2.0
// Access between devices: cuDeviceCanAccessPeer, cuDeviceGetP2PAttribute, cuCtxEnablePeerAccess and its reverse. All
// devices of this driver share the process's memory, so every pair can.
#include <map>
#include <mutex>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

// Which context may reach which peer context, by handle; and how many such pairs back each pair of devices, because
// visibility is kept per device.
struct Peers {
  std::mutex mutex;
  std::map<std::pair<uint64_t, uint64_t>, std::pair<int, int>> enabled;
  std::map<std::pair<int, int>, int> devices;
};

Peers& peers() {
  static Peers& all = *new Peers;
  return all;
}

void disable_locked(Peers& all, std::map<std::pair<uint64_t, uint64_t>, std::pair<int, int>>::iterator pair) {
  const auto [from, to] = pair->second;
  all.enabled.erase(pair);
  if (--all.devices[{from, to}] == 0) Process::get()->memory().set_peer_access(from, to, false);
}

CUresult check_pair(CUdevice a, CUdevice b) {
  TRY(get_device(a));
  TRY(get_device(b));
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  VGPU_CHECK(check_pair(dev, peerDev));
  if (canAccessPeer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *canAccessPeer = dev != peerDev ? 1 : 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attrib, CUdevice srcDevice, CUdevice dstDevice) {
  VGPU_CHECK(check_pair(srcDevice, dstDevice));
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (srcDevice == dstDevice) return CUDA_ERROR_INVALID_DEVICE;
  switch (attrib) {
    case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED: *value = 1; return CUDA_SUCCESS;
    case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK:
    case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_ONLY_PARTIAL_NATIVE_ATOMIC_SUPPORTED: *value = 0; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  Context* const context = TRY(current_context());
  const Ref<Context> peer = find<Context>(peerContext);
  if (!peer || !peer->active()) return CUDA_ERROR_INVALID_CONTEXT;
  if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const int from = context->device().ordinal(), to = peer->device().ordinal();
  if (from == to) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  Peers& all = peers();
  const std::lock_guard lock(all.mutex);
  const bool is_new =
      all.enabled.try_emplace({context->handle_value(), peer->handle_value()}, std::pair{from, to}).second;
  if (!is_new) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  if (all.devices[{from, to}]++ == 0) Process::get()->memory().set_peer_access(from, to, true);
  return CUDA_SUCCESS;
}

CUresult cuCtxDisablePeerAccess(CUcontext peerContext) {
  Context* const context = TRY(current_context());
  const Ref<Context> peer = find<Context>(peerContext);
  if (!peer) return CUDA_ERROR_INVALID_CONTEXT;
  VGPU_CHECK(context->synchronize());
  Peers& all = peers();
  const std::lock_guard lock(all.mutex);
  const auto pair = all.enabled.find({context->handle_value(), peer->handle_value()});
  if (pair == all.enabled.end()) return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  disable_locked(all, pair);
  return CUDA_SUCCESS;
}

}  // extern "C"

namespace vgpu::soft {

void forget_peers(const Context& context) {
  Peers& all = peers();
  const std::lock_guard lock(all.mutex);
  for (auto pair = all.enabled.begin(); pair != all.enabled.end();) {
    const auto next = std::next(pair);
    if (pair->first.first == context.handle_value() || pair->first.second == context.handle_value())
      disable_locked(all, pair);
    pair = next;
  }
}

}  // namespace vgpu::soft
