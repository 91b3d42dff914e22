// SPDX-License-Identifier: Apache-2.0
// error_texts: writes what the toolkit's own runtime library says of each error to standard output, a row a number.
//
// Programs compare these texts and logs are searched for them, so they have to be NVIDIA's, and NVIDIA's are not to be
// reproduced: as with apigen, what this tool writes is never committed. cudaGetErrorString needs no device and no
// driver.
#include <cuda_runtime_api.h>

#include <iomanip>
#include <iostream>
#include <string>

int main() {
  // The largest number that the enumeration can hold; it is no error's.
  constexpr int kNone = 16383;
  const std::string unknown = cudaGetErrorString(static_cast<cudaError_t>(kNone));
  for (int number = 0; number < kNone; ++number) {
    const std::string text = cudaGetErrorString(static_cast<cudaError_t>(number));
    if (text != unknown) std::cout << "VGPU_ERROR_TEXT(" << number << ", " << std::quoted(text) << ")\n";
  }
  return std::cout.flush() ? 0 : 1;
}
