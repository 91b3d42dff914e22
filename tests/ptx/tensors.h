// SPDX-License-Identifier: Apache-2.0
// Tensors of a one-instruction test and the maps of them: header lines, and what is made of them. Called by run_ptx.cpp
// only, on one thread. Syntax: tests/ptx/README.md.
#pragma once

#include <cuda.h>

#include <sstream>
#include <vector>

#include "tests/ptx/values.h"

namespace vgpu::ptx_test {

struct TensorSpec {
  Type type;
  CUtensorMapDataType element = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  std::vector<uint64_t> sizes;
  std::vector<uint32_t> box, steps;  // box: empty for im2col
  std::vector<int> lower, upper;     // im2col
  unsigned channels = 0, pixels = 0;
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
  std::vector<Value> values;    // dimension 0 first
  std::vector<Value> expected;  // what the tensor holds afterwards; empty: not compared
};

// `tensor f32 8x4 box 4x4: 1 2 ...`, the key having been read; false when it is not understood.
[[nodiscard]] bool parse_tensor(std::istringstream& line, TensorSpec& tensor);
// `holds: 1 2 ...`
[[nodiscard]] bool parse_expected(std::istringstream& line, TensorSpec& tensor);

// The tensors of one test, freed with it.
class Tensors {
 public:
  Tensors() = default;
  ~Tensors();
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  [[nodiscard]] CUresult create(const std::vector<TensorSpec>& specs);
  std::vector<CUtensorMap>& maps() { return maps_; }
  // The elements that a tensor holds, without what lies between its rows.
  [[nodiscard]] CUresult read(const TensorSpec& spec, size_t index, std::vector<unsigned char>& elements) const;

 private:
  std::vector<CUdeviceptr> memory_;
  std::vector<CUtensorMap> maps_;
};

}  // namespace vgpu::ptx_test
