// SPDX-License-Identifier: Apache-2.0
// Textures and surfaces of a one-instruction test: header lines, and the CUDA objects made of them. Called by
// run_ptx.cpp only, on one thread. Syntax: tests/ptx/README.md.
#pragma once

#include <cuda.h>

#include <sstream>
#include <vector>

#include "tests/ptx/values.h"

namespace vgpu::ptx_test {

struct ImageSpec {
  Type type;  // of a component
  bool surface = false;
  unsigned channels = 1;
  size_t sizes[3] = {0, 0, 0};  // as CUDA_ARRAY3D_DESCRIPTOR: 0 where there is none
  unsigned array_flags = 0;
  unsigned levels = 0;  // 0: not mipmapped
  CUresourcetype resource = CU_RESOURCE_TYPE_ARRAY;
  CUDA_TEXTURE_DESC sampling = {};
  std::vector<Value> values;    // texels row by row, slice by slice, level by level
  std::vector<Value> expected;  // what a surface holds afterwards; empty: not compared
};

// `texture f32 4x2 linear: 1 2 ...` or `surface ...`, the key having been read; false when it is not understood.
[[nodiscard]] bool parse_image(std::istringstream& line, ImageSpec& image);
// `holds: 1 2 ...`
[[nodiscard]] bool parse_expected(std::istringstream& line, ImageSpec& image);

// The objects of one test, destroyed with it.
class Images {
 public:
  Images() = default;
  ~Images();
  Images(const Images&) = delete;
  Images& operator=(const Images&) = delete;

  [[nodiscard]] CUresult create(const std::vector<ImageSpec>& specs);
  std::vector<unsigned long long>& handles() { return handles_; }
  // The bytes that a surface holds.
  [[nodiscard]] CUresult read(const ImageSpec& spec, size_t index, std::vector<unsigned char>& bytes) const;

 private:
  struct Made {
    CUarray array = nullptr;
    CUmipmappedArray mipmap = nullptr;
    CUdeviceptr memory = 0;
    bool surface = false;
  };
  CUresult make_array(const ImageSpec& spec, Made& made, CUDA_RESOURCE_DESC& resource);
  CUresult make_memory(const ImageSpec& spec, Made& made, CUDA_RESOURCE_DESC& resource);

  std::vector<Made> made_;
  std::vector<unsigned long long> handles_;
};

}  // namespace vgpu::ptx_test
