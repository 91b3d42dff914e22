// SPDX-License-Identifier: Apache-2.0
#include "libcuda/context.h"

#include "common/bits.h"
#include "libcuda/thread.h"

namespace vgpu::guest {

CUcontext Context::cuda_handle() const { return from_bits<CUcontext>(handle_); }

void ContextTable::open(int device_count) {
  for (int device = 0; device < device_count; ++device) {
    auto context = std::make_unique<Context>(handle::primary_context(device), device, true, 0u);
    context->id = next_id_++;
    primary_[static_cast<size_t>(device)] = std::move(context);
  }
}

Context* ContextTable::primary(int device) const {
  return device >= 0 && device < static_cast<int>(primary_.size()) ? primary_[static_cast<size_t>(device)].get()
                                                                   : nullptr;
}

Context* ContextTable::find(CUcontext handle) const {
  const uint64_t wire = bits_of(handle);
  if (wire == 0 || handle::kind_of(wire) != Kind::context) return nullptr;
  if (handle::index_of(wire) < handle::kPrimaryContexts) {
    Context* context = primary(static_cast<int>(handle::index_of(wire)));
    return context != nullptr && context->handle() == wire ? context : nullptr;
  }
  const std::lock_guard lock(mutex_);
  const auto found = created_.find(wire);
  return found == created_.end() ? nullptr : found->second.get();
}

Context* ContextTable::add(uint64_t handle, int device, unsigned flags) {
  auto context = std::make_unique<Context>(handle, device, false, flags);
  context->id = next_id_++;
  context->set_alive(true);
  const std::lock_guard lock(mutex_);
  return (created_[handle] = std::move(context)).get();
}

}  // namespace vgpu::guest
