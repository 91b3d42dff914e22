// SPDX-License-Identifier: Apache-2.0
// What the processes that have an interprocess event share of it: a page that counts its records, in any process, and
// says which of them the device has reached. Who waits for an event waits for the record that was the last one when
// it asked, wherever that was made. A record whose process dies first is never reached. Any thread.
#pragma once

#include "common/fd.h"
#include "softgpu/driver/completion.h"

namespace vgpu::soft {

class SharedEvent final : public RefCounted {
 public:
  static CuResult<Ref<SharedEvent>> create();
  // A page of another process.
  static CuResult<Ref<SharedEvent>> open(vgpu::UniqueFd file);

  // The event was recorded here; `point` is the work that it stands for.
  // Returns the record's number.
  uint64_t record(const Ref<Completion>& point);
  // The number of the last record, 0 before the first.
  uint64_t last() const;
  bool is_reached(uint64_t number) const;
  // Done when the record is reached. A thread of the executor waits for it.
  Ref<Completion> when_reached(uint64_t number);

  int file() const { return file_.get(); }
  uint64_t object() const { return object_; }

 private:
  struct Page;
  SharedEvent(vgpu::UniqueFd file, vgpu::Mapping page, uint64_t object)
      : file_(std::move(file)), mapping_(std::move(page)), object_(object) {}
  static CuResult<Ref<SharedEvent>> map(vgpu::UniqueFd file, uint64_t object);
  Page& page() const;
  void reach(uint64_t number);
  void wait(uint64_t number);

  const vgpu::UniqueFd file_;
  const vgpu::Mapping mapping_;
  const uint64_t object_;  // random
};

}  // namespace vgpu::soft
