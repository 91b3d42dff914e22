// SPDX-License-Identifier: Apache-2.0
// What an address is: from what is known of the program's own allocations, else from the driver, whose answer is kept
// where it cannot change. CUDA driver API: Unified Addressing.
#include <algorithm>
#include <cstring>

#include "libcuda/by_hand.h"
#include "libcuda/managed.h"
#include "vgpu/api/sizes.h"

namespace vgpu::guest {
namespace {

using State = PointerFact::State;

// An address and what may be said of it here.
struct Subject {
  CUdeviceptr address = 0;
  std::optional<AllocationFacts> facts;
};

Subject look_up(const Admitted& admitted, CUdeviceptr address) {
  Subject subject = {address, std::nullopt};
  // An error that waits to be told is told by the worker.
  const Context* const current = admitted.thread->current();
  if (current == nullptr || !current->alive() || current->sticky() != CUDA_SUCCESS ||
      admitted.process->session().is_lost())
    return subject;
  subject.facts = admitted.process->pointer_facts().find(address);
  if (subject.facts && subject.facts->context != current->handle()) subject.facts.reset();
  return subject;
}

// A pool of another device may be taken out of this one's reach.
bool stays_reachable(const Admitted& admitted, const Subject& subject) {
  if (!subject.facts->pooled) return true;
  const PointerFact place = subject.facts->find(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, subject.address);
  return place.state == State::known && place.value == static_cast<uint64_t>(admitted.thread->current()->device());
}

void keep(const Admitted& admitted, const Subject& subject, CUpointer_attribute attribute, CUresult status,
          const void* data) {
  if (!subject.facts || !AllocationFacts::keeps(attribute)) return;
  if (attribute == CU_POINTER_ATTRIBUTE_DEVICE_POINTER && !stays_reachable(admitted, subject)) return;
  PointerFact fact;
  fact.state = status == CUDA_SUCCESS ? State::known : State::refused;
  if (status == CUDA_SUCCESS) std::memcpy(&fact.value, data, api::pointer_attribute_bytes(attribute));
  else if (status != CUDA_ERROR_INVALID_VALUE) return;
  admitted.process->pointer_facts().learn(subject.address, attribute, fact);
}

// What kind of memory it is, asked of the driver unless it has said lately that it does not know the address.
CUresult ask_type(const Admitted& admitted, CUdeviceptr address, void* data) {
  ThreadState& thread = *admitted.thread;
  const Context* const current = thread.current();
  const bool is_clean = current != nullptr && current->alive() && current->sticky() == CUDA_SUCCESS &&
                        !admitted.process->session().is_lost();
  const uint64_t context = is_clean ? current->handle() : 0;
  const uint64_t changes = admitted.process->session().address_changes();
  if (is_clean && thread.strangers.contains(address, context, changes)) {
    count_answered(thread);
    return CUDA_ERROR_INVALID_VALUE;
  }
  const CUresult status =
      forward(admitted, api::spec::cuPointerGetAttribute, data, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address);
  if (is_clean && status == CUDA_ERROR_INVALID_VALUE) thread.strangers.add(address, context, changes);
  return status;
}

CUresult attribute_of(const Admitted& admitted, const Subject& subject, CUpointer_attribute attribute, void* data) {
  const PointerFact fact = subject.facts ? subject.facts->find(attribute, subject.address) : PointerFact{};
  if (fact.state != State::unknown) {
    count_answered(*admitted.thread);
    if (fact.state == State::refused) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(data, &fact.value, api::pointer_attribute_bytes(attribute));
    return CUDA_SUCCESS;
  }
  const std::optional<HostRange> range = admitted.process->host_memory().containing(subject.address, 1);
  if (range && range->kind == HostKind::managed && managed_attribute(*range, attribute, data)) return CUDA_SUCCESS;
  const CUresult status = attribute == CU_POINTER_ATTRIBUTE_MEMORY_TYPE
                              ? ask_type(admitted, subject.address, data)
                              : forward(admitted, api::spec::cuPointerGetAttribute, data, attribute, subject.address);
  keep(admitted, subject, attribute, status, data);
  return status;
}

// Zero, except that ordinary memory has its address on the host, if not on the device.
void give_nothing(CUpointer_attribute attribute, void* data, CUdeviceptr on_host) {
  std::memset(data, 0, api::pointer_attribute_bytes(attribute));
  if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER) std::memcpy(data, &on_host, sizeof on_host);
  if (attribute != CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) return;
  constexpr int kNoDevice = -2;
  std::memcpy(data, &kNoDevice, sizeof kNoDevice);
}

}  // namespace

namespace by_hand {

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  VGPU_ADMIT(admitted);
  if (data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return attribute_of(admitted, look_up(admitted, ptr), attribute, data);
}

// Unlike the single query, a pointer that CUDA does not know is no error here: the answers are zero.
CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data,
                                CUdeviceptr ptr) {
  VGPU_ADMIT(admitted);
  if (numAttributes == 0 || attributes == nullptr || data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < numAttributes; ++i)
    if (data[i] == nullptr || api::pointer_attribute_bytes(attributes[i]) == 0) return CUDA_ERROR_INVALID_VALUE;
  const Subject subject = look_up(admitted, ptr);
  // What has no type is no memory of CUDA's, and has none of the rest: one question instead of many.
  CUpointer_attribute* const end = attributes + numAttributes;
  CUpointer_attribute* const type = std::find(attributes, end, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
  bool nobodys = false;
  if (type != end || std::find(attributes, end, CU_POINTER_ATTRIBUTE_HOST_POINTER) != end) {
    unsigned unasked = 0;
    void* const place = type != end ? data[type - attributes] : &unasked;
    const CUresult status = attribute_of(admitted, subject, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, place);
    nobodys = status == CUDA_ERROR_INVALID_VALUE;
    if (status != CUDA_SUCCESS && !nobodys) return status;
  }
  for (unsigned i = 0; i < numAttributes; ++i) {
    if (attributes + i == type && !nobodys) continue;
    const CUresult status =
        nobodys ? CUDA_ERROR_INVALID_VALUE : attribute_of(admitted, subject, attributes[i], data[i]);
    if (status == CUDA_ERROR_INVALID_VALUE) give_nothing(attributes[i], data[i], nobodys ? ptr : 0);
    else if (status != CUDA_SUCCESS) return status;
  }
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
