// SPDX-License-Identifier: Apache-2.0
// What families of questions to libnvidia-ml.so.1 share: the library that the library path names, and the printing of
// its answers. A line per answer: `name(arguments) -> code | value value | ...`. Each family runs in a process that may
// die of its question; the parent then says which one that was (main.cpp), so it is noted before it is asked. One
// thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "vgpu/nvml/call.h"

namespace vgpu::nvml_values {

// SAFETY: all of NVML's parameters are integers or pointers, each in a register of its own; registers beyond a call's
// own are never looked at (as in libcuda/nvml/entries.cpp).
using Word = uint64_t;

// What the parent can still read when the process is gone.
struct Progress {
  char question[160];
};

class Asking {
 public:
  // `progress` is shared with the parent.
  explicit Asking(Progress& progress);
  // Initialises the library, unless it is. After a question that hung, its host may take some seconds to come back: one
  // cause is not to hide the others. False: it did not come in that time.
  bool begin();

  nvmlDevice_t device() const { return device_; }
  void* find(const char* name) const;
  // What it returned. The question is noted as `name(text)`.
  int call(const char* name, const std::string& text, std::initializer_list<Word> arguments);
  // The same, and prints the code, with values that are there only after success.
  void tell(const char* name, const std::string& text, int code, const std::vector<std::string>& values = {});

 private:
  void* library_ = nullptr;
  bool begun_ = false;
  nvmlDevice_t device_ = nullptr;
  Progress& progress_;
};

// `unit` is the size of its parts: 1 for a text, 4 or 8 for numbers.
std::string shown(std::span<const std::byte> bytes, size_t unit);
std::string quoted(const char* text);
template <class T>
Word word(T* pointer) {
  return reinterpret_cast<Word>(pointer);
}

struct Family {
  std::string name;
  void (*ask)(Asking&, const Family&) = nullptr;
  // Of a row: how it is called, and the unit of each parameter's values.
  nvml::Call row = {};
  uint8_t unit[nvml::kMaxParams] = {};
};
// All rows whose arguments follow from their shape.
std::vector<Family> families_of_rows();
// What takes arguments that only documentation tells.
std::vector<Family> families_by_hand();

// The first words of versioned structs that another run found to be taken, by call; where a call has none, they are
// sought.
void take_versions_of(const char* file);

}  // namespace vgpu::nvml_values
