// SPDX-License-Identifier: Apache-2.0
// no-vmm.so: preloaded into a test's program, says to the libraries that are linked to libcuda.so.1 that the device has
// no virtual memory management. ggml has no switch for that, and a card cannot be told to go without. Any thread.
#include <dlfcn.h>

namespace {

using Function = int(int* value, int attribute, int device);
constexpr int kVirtualMemoryManagement = 102, kNotFound = 500;

// Not "the next one": libcuda.so.1 comes with a backend that is loaded for itself, out of sight of the program.
Function* real_function() {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library, "cuDeviceGetAttribute"));
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int cuDeviceGetAttribute(int* value, int attribute, int device) {
  static Function* const real = real_function();
  if (real == nullptr) return kNotFound;
  const int code = real(value, attribute, device);
  if (code == 0 && attribute == kVirtualMemoryManagement) *value = 0;
  return code;
}
