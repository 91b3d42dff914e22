// SPDX-License-Identifier: Apache-2.0
#include "host/monitor/card_watch.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "vgpu/event.h"

namespace vgpu::host::monitor {

using nvml::Word;

// What the thread uses, which waits in the library for as long as the process lives: it has no way to be woken.
struct CardWatch::Waiter {
  AnyFunction wait = nullptr;
  Word set = 0;
  std::vector<nvmlDevice_t> devices;
  EventSink sink;
  std::atomic<bool> at_work{true};

  static bool start(const std::shared_ptr<Waiter>& waiter) {
    auto owner = std::make_unique<std::shared_ptr<Waiter>>(waiter);
    pthread_t thread = {};
    if (::pthread_create(&thread, nullptr, &Waiter::run, owner.get()) != 0) return false;
    static_cast<void>(owner.release());  // The thread's, from now on.
    ::pthread_detach(thread);
    return true;
  }

 private:
  static constexpr Word kLongWait = 3'600'000;  // milliseconds

  void tell(const nvmlEventData_t& data) const {
    const auto at = std::find(devices.begin(), devices.end(), data.device);
    if (at != devices.end())
      sink({static_cast<uint32_t>(at - devices.begin()), NVML_SUCCESS, data.eventType, data.eventData});
  }

  static void* run(void* self) {
    const std::unique_ptr<std::shared_ptr<Waiter>> owner(static_cast<std::shared_ptr<Waiter>*>(self));
    Waiter& waiter = **owner;
    nvmlReturn_t result = NVML_SUCCESS;
    while (result == NVML_SUCCESS || result == NVML_ERROR_TIMEOUT) {
      nvmlEventData_t data = {};
      result = waiter.wait(waiter.set, word(&data), kLongWait, 0, 0, 0);
      if (result == NVML_SUCCESS) waiter.tell(data);
    }
    // Before it is told: whoever hears it may begin anew.
    waiter.at_work = false;
    waiter.sink({0, result, 0, 0});
    return nullptr;
  }
};

// All types at once; a device that takes no type but those it has says which.
Watched CardWatch::add_device(nvmlDevice_t device, Word set) {
  uint64_t types = event::kKnownTypes;
  nvmlReturn_t result = calls_.call("nvmlDeviceRegisterEvents", word(device), types, set);
  unsigned long long supported = 0;
  if (result != NVML_SUCCESS &&
      calls_.call("nvmlDeviceGetSupportedEventTypes", word(device), word(&supported)) == NVML_SUCCESS &&
      supported != 0) {
    types = supported;
    result = calls_.call("nvmlDeviceRegisterEvents", word(device), types, set);
  }
  return {result, 0, result == NVML_SUCCESS ? types : 0};
}

nvmlReturn_t CardWatch::start(const std::vector<nvmlDevice_t>& devices, const EventSink& sink) {
  auto waiter = std::make_shared<Waiter>();
  waiter->wait = calls_.find("nvmlEventSetWait_v2");
  if (waiter->wait == nullptr) return NVML_ERROR_NOT_SUPPORTED;
  if (const nvmlReturn_t bad = calls_.call("nvmlEventSetCreate", word(&waiter->set)); bad != NVML_SUCCESS) return bad;
  waiter->devices = devices;
  waiter->sink = sink;
  registered_.clear();
  for (const nvmlDevice_t device : devices) registered_.push_back(add_device(device, waiter->set));
  const bool has_any = std::any_of(registered_.begin(), registered_.end(),
                                   [](const Watched& one) { return one.result == NVML_SUCCESS; });
  if (has_any && Waiter::start(waiter)) {
    waiter_ = std::move(waiter);
    return NVML_SUCCESS;
  }
  calls_.call("nvmlEventSetFree", waiter->set);
  return has_any ? NVML_ERROR_OPERATING_SYSTEM : static_cast<nvmlReturn_t>(registered_.front().result);
}

nvmlReturn_t CardWatch::begin(const std::vector<nvmlDevice_t>& devices, const EventSink& sink,
                              std::vector<Watched>& found) {
  if (waiter_ == nullptr || !waiter_->at_work)
    if (const nvmlReturn_t bad = start(devices, sink); bad != NVML_SUCCESS) return bad;
  found = registered_;
  return NVML_SUCCESS;
}

}  // namespace vgpu::host::monitor
