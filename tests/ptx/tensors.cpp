// SPDX-License-Identifier: Apache-2.0
#include "tests/ptx/tensors.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace vgpu::ptx_test {
namespace {

struct Element {
  const char *name, *type;  // the header's word, and the type of its values
  CUtensorMapDataType element;
};

constexpr Element kElements[] = {
    {"u8", "u8", CU_TENSOR_MAP_DATA_TYPE_UINT8},       {"u16", "u16", CU_TENSOR_MAP_DATA_TYPE_UINT16},
    {"u32", "u32", CU_TENSOR_MAP_DATA_TYPE_UINT32},    {"s32", "s32", CU_TENSOR_MAP_DATA_TYPE_INT32},
    {"u64", "u64", CU_TENSOR_MAP_DATA_TYPE_UINT64},    {"s64", "s64", CU_TENSOR_MAP_DATA_TYPE_INT64},
    {"f16", "f16", CU_TENSOR_MAP_DATA_TYPE_FLOAT16},   {"f32", "f32", CU_TENSOR_MAP_DATA_TYPE_FLOAT32},
    {"f64", "f64", CU_TENSOR_MAP_DATA_TYPE_FLOAT64},   {"bf16", "bf16", CU_TENSOR_MAP_DATA_TYPE_BFLOAT16},
    {"tf32", "f32", CU_TENSOR_MAP_DATA_TYPE_TFLOAT32},
};

struct Swizzle {
  const char* name;
  CUtensorMapSwizzle swizzle;
};

constexpr Swizzle kSwizzles[] = {
    {"32", CU_TENSOR_MAP_SWIZZLE_32B}, {"64", CU_TENSOR_MAP_SWIZZLE_64B}, {"128", CU_TENSOR_MAP_SWIZZLE_128B}};

// `4x2x1`, whose numbers may be negative.
template <class T>
bool parse_numbers(std::istringstream& line, std::vector<T>& numbers) {
  std::string word, each;
  if (!(line >> word)) return false;
  std::istringstream parts(word);
  while (std::getline(parts, each, 'x')) numbers.push_back(static_cast<T>(std::strtoll(each.c_str(), nullptr, 0)));
  return !numbers.empty();
}

bool parse_number(std::istringstream& line, unsigned& number) {
  std::vector<unsigned> one;
  const bool good = parse_numbers(line, one) && one.size() == 1;
  if (good) number = one[0];
  return good;
}

bool parse_swizzle(std::istringstream& line, TensorSpec& tensor) {
  std::string word;
  line >> word;
  for (const Swizzle& each : kSwizzles) {
    if (word != each.name) continue;
    tensor.swizzle = each.swizzle;
    return true;
  }
  return false;
}

bool parse_option(const std::string& word, std::istringstream& line, TensorSpec& tensor) {
  if (word == "box") return parse_numbers(line, tensor.box);
  if (word == "step") return parse_numbers(line, tensor.steps);
  if (word == "lower") return parse_numbers(line, tensor.lower);
  if (word == "upper") return parse_numbers(line, tensor.upper);
  if (word == "channels") return parse_number(line, tensor.channels);
  if (word == "pixels") return parse_number(line, tensor.pixels);
  if (word == "swizzle") return parse_swizzle(line, tensor);
  if (word != "nan") return false;
  tensor.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
  return true;
}

size_t count_elements(const TensorSpec& spec) {
  size_t count = 1;
  for (const uint64_t size : spec.sizes) count *= size;
  return count;
}

bool parse_values(std::istringstream& line, const TensorSpec& spec, std::vector<Value>& values) {
  for (std::string word; line >> word;) {
    // Each element's own number, for tensors that would make long lines.
    for (size_t i = 0; word == "iota" && i < count_elements(spec); ++i)
      values.push_back(*parse_value(spec.type, std::to_string(i)));
    if (word == "iota") continue;
    const auto value = parse_value(spec.type, word);
    if (!value) return false;
    values.push_back(*value);
  }
  return values.size() == count_elements(spec);
}

// Rows are padded to what a map needs.
std::vector<uint64_t> strides_of(const TensorSpec& spec) {
  std::vector<uint64_t> strides;
  uint64_t stride = (spec.sizes[0] * spec.type.bytes + 15) / 16 * 16;
  for (size_t i = 1; i < spec.sizes.size(); ++i) {
    strides.push_back(stride);
    stride *= spec.sizes[i];
  }
  strides.push_back(stride);  // of the whole tensor
  return strides;
}

size_t offset_of(const TensorSpec& spec, const std::vector<uint64_t>& strides, size_t element) {
  size_t offset = element % spec.sizes[0] * spec.type.bytes;
  element /= spec.sizes[0];
  for (size_t i = 1; i < spec.sizes.size(); ++i) {
    offset += element % spec.sizes[i] * strides[i - 1];
    element /= spec.sizes[i];
  }
  return offset;
}

CUresult encode(const TensorSpec& spec, CUdeviceptr memory, CUtensorMap& map) {
  const auto rank = static_cast<cuuint32_t>(spec.sizes.size());
  const std::vector<uint64_t> strides = strides_of(spec);
  std::vector<cuuint32_t> steps = spec.steps;
  steps.resize(rank, 1);
  const std::vector<cuuint64_t> sizes(spec.sizes.begin(), spec.sizes.end()), pitches(strides.begin(), strides.end());
  void* const address = reinterpret_cast<void*>(memory);
  if (spec.channels == 0)
    return cuTensorMapEncodeTiled(&map, spec.element, rank, address, sizes.data(), pitches.data(), spec.box.data(),
                                  steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, spec.swizzle,
                                  CU_TENSOR_MAP_L2_PROMOTION_NONE, spec.fill);
  return cuTensorMapEncodeIm2col(&map, spec.element, rank, address, sizes.data(), pitches.data(), spec.lower.data(),
                                 spec.upper.data(), spec.channels, spec.pixels, steps.data(),
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, spec.swizzle, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                                 spec.fill);
}

}  // namespace

bool parse_tensor(std::istringstream& line, TensorSpec& tensor) {
  std::string word;
  line >> word;
  for (const Element& each : kElements) {
    if (word != each.name) continue;
    tensor.type = *find_type(each.type);
    tensor.element = each.element;
  }
  std::string head;
  std::getline(line, head, ':');
  std::istringstream options(head);
  if (tensor.type.name.empty() || !parse_numbers(options, tensor.sizes)) return false;
  while (options >> word)
    if (!parse_option(word, options, tensor)) return false;
  const size_t rank = tensor.sizes.size();
  const bool tiled = tensor.channels == 0 && tensor.box.size() == rank;
  const bool columns = rank >= 3 && tensor.lower.size() == rank - 2 && tensor.upper.size() == rank - 2;
  return (tiled || columns) && parse_values(line, tensor, tensor.values);
}

bool parse_expected(std::istringstream& line, TensorSpec& tensor) {
  return parse_values(line, tensor, tensor.expected);
}

CUresult Tensors::create(const std::vector<TensorSpec>& specs) {
  maps_.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = specs[i];
    const std::vector<uint64_t> strides = strides_of(spec);
    std::vector<unsigned char> bytes(strides.back(), 0xcd);
    for (size_t e = 0; e < spec.values.size(); ++e)
      std::memcpy(&bytes[offset_of(spec, strides, e)], &spec.values[e].bits, spec.type.bytes);
    CUdeviceptr memory = 0;
    if (const CUresult code = cuMemAlloc(&memory, bytes.size())) return code;
    memory_.push_back(memory);
    if (const CUresult code = cuMemcpyHtoD(memory, bytes.data(), bytes.size())) return code;
    if (const CUresult code = encode(spec, memory, maps_[i])) return code;
  }
  return CUDA_SUCCESS;
}

CUresult Tensors::read(const TensorSpec& spec, size_t index, std::vector<unsigned char>& elements) const {
  const std::vector<uint64_t> strides = strides_of(spec);
  std::vector<unsigned char> bytes(strides.back());
  if (const CUresult code = cuMemcpyDtoH(bytes.data(), memory_[index], bytes.size())) return code;
  elements.resize(spec.values.size() * spec.type.bytes);
  for (size_t e = 0; e < spec.values.size(); ++e)
    std::memcpy(&elements[e * spec.type.bytes], &bytes[offset_of(spec, strides, e)], spec.type.bytes);
  return CUDA_SUCCESS;
}

Tensors::~Tensors() {
  for (const CUdeviceptr memory : memory_) cuMemFree(memory);
}

}  // namespace vgpu::ptx_test
