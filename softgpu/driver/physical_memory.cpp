// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/physical_memory.h"

#include <sys/stat.h>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {

PhysicalMemory::PhysicalMemory(UniqueFd file, size_t size, const CUmemAllocationProp& properties, Device* charged)
    : Object(Kind::physical_memory), file_(std::move(file)), size_(size), properties_(properties), charged_(charged) {}

CuResult<Ref<PhysicalMemory>> PhysicalMemory::create(Device& device, size_t size,
                                                     const CUmemAllocationProp& properties) {
  AddressSpace& memory = Process::get()->memory();
  if (!memory.charge(device.ordinal(), size)) return CUDA_ERROR_OUT_OF_MEMORY;
  vgpu::Result<UniqueFd> file = create_memory_file("vgpu-soft-memory", size);
  if (!file) {
    memory.uncharge(device.ordinal(), size);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  Ref<PhysicalMemory> made(new PhysicalMemory(std::move(file).value(), size, properties, &device));
  if (publish(made) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return made;
}

CuResult<Ref<PhysicalMemory>> PhysicalMemory::import(UniqueFd file) {
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size <= 0 ||
      static_cast<size_t>(facts.st_size) % kGranularity != 0)
    return CUDA_ERROR_INVALID_VALUE;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  Ref<PhysicalMemory> made(
      new PhysicalMemory(std::move(file), static_cast<size_t>(facts.st_size), properties, nullptr));
  if (publish(made) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return made;
}

PhysicalMemory::~PhysicalMemory() {
  if (charged_ != nullptr) Process::get()->memory().uncharge(charged_->ordinal(), size_);
}

void PhysicalMemory::add_handle() {
  const std::lock_guard lock(mutex_);
  ++handles_;
}

bool PhysicalMemory::has_handle() const {
  const std::lock_guard lock(mutex_);
  return handles_ > 0;
}

bool PhysicalMemory::release_handle() {
  std::unique_lock lock(mutex_);
  if (handles_ == 0) return false;
  --handles_;
  retire_if_unused(std::move(lock));
  return true;
}

void PhysicalMemory::add_mapping() {
  const std::lock_guard lock(mutex_);
  ++mappings_;
}

void PhysicalMemory::release_mapping() {
  std::unique_lock lock(mutex_);
  --mappings_;
  retire_if_unused(std::move(lock));
}

void PhysicalMemory::retire_if_unused(std::unique_lock<std::mutex> lock) {
  if (handles_ != 0 || mappings_ != 0) return;
  lock.unlock();
  retire(handle_value(), Kind::physical_memory);
}

}  // namespace vgpu::soft
