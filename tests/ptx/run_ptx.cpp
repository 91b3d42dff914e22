// SPDX-License-Identifier: Apache-2.0
// Runs one-instruction PTX tests on whichever CUDA driver the library path names: the software GPU's, ours, NVIDIA's.
//   ptx [--print] FILE-OR-DIRECTORY...
// Exit status 0 when none failed, 77 when there is no device. --print writes every output instead of comparing.
// The header comment of a test is its whole description; docs: tests/ptx/README.md.
#include <cuda.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/ptx/images.h"
#include "tests/ptx/processes.h"
#include "tests/ptx/tensors.h"
#include "tests/ptx/values.h"

namespace vgpu::ptx_test {
namespace {

struct Array {
  Type type;
  std::vector<Value> values;
  bool output = false;
};

struct Test {
  std::string path, text, refusal;
  std::vector<Array> arrays;        // In the order of the header, which is the order of the parameters.
  std::vector<ImageSpec> images;    // Parameters behind the arrays.
  std::vector<TensorSpec> tensors;  // Maps, parameters behind the images.
  Tolerance tolerance;
  unsigned grid = 1, block = 0, target = 0;
  bool only_target = false;  // sm_90a: instructions that no other architecture has
  CUresult expected_error = CUDA_SUCCESS;
};

bool read_words(std::istringstream& line, Array& array) {
  for (std::string word; line >> word;) {
    const auto value = parse_value(array.type, word);
    if (!value) return false;
    array.values.push_back(*value);
  }
  return !array.values.empty();
}

// One header line; true when it is understood. Lines of other words are free text.
bool parse_line(Test& test, const std::string& text) {
  std::istringstream line(text);
  std::string key, word;
  line >> key;
  if (key == "in" || key == "out") {
    line >> word;
    if (!word.empty() && word.back() == ':') word.pop_back();
    const auto type = find_type(word);
    if (!type) return false;
    Array array{*type, {}, key == "out"};
    if (!read_words(line, array)) return false;
    test.arrays.push_back(std::move(array));
    return true;
  }
  if (key == "texture" || key == "surface") {
    ImageSpec& image = test.images.emplace_back();
    image.surface = key == "surface";
    return parse_image(line, image);
  }
  if (key == "tensor") return parse_tensor(line, test.tensors.emplace_back());
  if (key == "holds:" && !test.tensors.empty()) return parse_expected(line, test.tensors.back());
  if (key == "holds:")
    return !test.images.empty() && test.images.back().surface && parse_expected(line, test.images.back());
  if (key == "tolerance") {
    line >> word;
    if (word == "ulp") return static_cast<bool>(line >> test.tolerance.ulp);
    if (word == "abs") return static_cast<bool>(line >> test.tolerance.absolute);
    return word == "rel" && static_cast<bool>(line >> test.tolerance.relative);
  }
  if (key == "grid") return static_cast<bool>(line >> test.grid >> word >> test.block) && word == "block";
  if (key == "expect") {
    int code = 0;
    const bool good = static_cast<bool>(line >> word >> code) && word == "error";
    test.expected_error = static_cast<CUresult>(code);
    return good;
  }
  if (key == "target") {
    line >> word;
    test.only_target = !word.empty() && word.back() == 'a';
    return std::sscanf(word.c_str(), "sm_%u", &test.target) == 1;
  }
  return true;
}

Test read_test(const std::string& path) {
  Test test;
  test.path = path;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  test.text = text.str();
  std::istringstream lines(test.text);
  bool section = false;
  for (std::string line; std::getline(lines, line) && line.rfind("//", 0) == 0;) {
    const std::string comment =
        line.substr(line.find_first_not_of("/ ") == std::string::npos ? 2 : line.find_first_not_of("/ "));
    section = section || comment.rfind("PTX ISA ", 0) == 0;
    if (!parse_line(test, comment)) test.refusal = "cannot read header line: " + line;
  }
  if (!section) test.refusal = "the header names no PTX ISA section";
  if (test.arrays.empty() && test.images.empty() && test.tensors.empty() && test.expected_error == CUDA_SUCCESS)
    test.refusal = "the header has no in and no out";
  if (test.block == 0) test.block = test.arrays.empty() ? 1 : static_cast<unsigned>(test.arrays[0].values.size());
  return test;
}

std::string error_name(CUresult code) {
  const char* name = nullptr;
  cuGetErrorName(code, &name);
  return std::string(name ? name : "?") + " (" + std::to_string(code) + ")";
}

// Device buffers of one test, freed with it. Outputs start as 0xcd, so that a lane that never stored shows.
struct Buffers {
  std::vector<CUdeviceptr> pointers;
  ~Buffers() {
    for (CUdeviceptr pointer : pointers) cuMemFree(pointer);
  }
  CUresult fill(const Test& test) {
    for (const Array& array : test.arrays) {
      std::vector<unsigned char> bytes(array.values.size() * array.type.bytes, 0xcd);
      for (size_t i = 0; !array.output && i < array.values.size(); ++i)
        std::memcpy(&bytes[i * array.type.bytes], &array.values[i].bits, array.type.bytes);
      CUdeviceptr pointer = 0;
      if (const CUresult code = cuMemAlloc(&pointer, bytes.size())) return code;
      pointers.push_back(pointer);
      if (const CUresult code = cuMemcpyHtoD(pointer, bytes.data(), bytes.size())) return code;
    }
    return CUDA_SUCCESS;
  }
};

CUresult load_module(const Test& test, CUmodule& module, std::string& log) {
  log.assign(16384, '\0');
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  const CUresult code = cuModuleLoadDataEx(&module, test.text.c_str(), 2, options, values);
  log.resize(std::strlen(log.c_str()));
  return code;
}

CUresult launch(const Test& test, CUmodule module, Buffers& buffers, Images& images, Tensors& tensors) {
  CUfunction function = nullptr;
  if (const CUresult code = cuModuleGetFunction(&function, module, "test")) return code;
  std::vector<void*> parameters;
  for (CUdeviceptr& pointer : buffers.pointers) parameters.push_back(&pointer);
  for (unsigned long long& handle : images.handles()) parameters.push_back(&handle);
  for (CUtensorMap& map : tensors.maps()) parameters.push_back(&map);
  if (const CUresult code =
          cuLaunchKernel(function, test.grid, 1, 1, test.block, 1, 1, 0, nullptr, parameters.data(), nullptr))
    return code;
  return cuCtxSynchronize();
}

// What came out where these values were expected.
std::string compare_values(const Test& test, size_t parameter, const Type& type, const std::vector<Value>& expected,
                           const std::vector<unsigned char>& bytes, bool print) {
  std::string report;
  if (print) report += "\n  out " + type.name + ":";
  for (size_t i = 0; i < expected.size(); ++i) {
    uint64_t actual = 0;
    std::memcpy(&actual, &bytes[i * type.bytes], type.bytes);
    if (print) {
      report += " " + format_value(type, actual);
    } else if (!matches(type, expected[i], actual, test.tolerance)) {
      report += "\n  parameter " + std::to_string(parameter) + "[" + std::to_string(i) + "]: got " +
                format_value(type, actual) + ", expected " +
                (expected[i].any_nan ? "nan" : format_value(type, expected[i].bits));
    }
  }
  return report;
}

std::string compare(const Test& test, const Buffers& buffers, const Images& images, const Tensors& tensors,
                    bool print) {
  std::string report;
  std::vector<unsigned char> bytes;
  for (size_t a = 0; a < test.arrays.size(); ++a) {
    const Array& array = test.arrays[a];
    if (!array.output) continue;
    bytes.resize(array.values.size() * array.type.bytes);
    if (const CUresult code = cuMemcpyDtoH(bytes.data(), buffers.pointers[a], bytes.size())) return error_name(code);
    report += compare_values(test, a, array.type, array.values, bytes, print);
  }
  for (size_t i = 0; i < test.images.size(); ++i) {
    const ImageSpec& image = test.images[i];
    if (image.expected.empty()) continue;
    if (const CUresult code = images.read(image, i, bytes)) return error_name(code);
    report += compare_values(test, test.arrays.size() + i, image.type, image.expected, bytes, print);
  }
  for (size_t i = 0; i < test.tensors.size(); ++i) {
    const TensorSpec& tensor = test.tensors[i];
    if (tensor.expected.empty()) continue;
    if (const CUresult code = tensors.read(tensor, i, bytes)) return error_name(code);
    const size_t parameter = test.arrays.size() + test.images.size() + i;
    report += compare_values(test, parameter, tensor.type, tensor.expected, bytes, print);
  }
  return report;
}

Outcome report(const std::string& path, const std::string& text) {
  std::printf("FAIL %s: %s\n", path.c_str(), text.c_str());
  return Outcome::failed;
}

Outcome run(const Test& test, bool print) {
  CUmodule module = nullptr;
  Buffers buffers;
  Images images;
  Tensors tensors;
  std::string log;
  CUresult code = load_module(test, module, log);
  if (code == CUDA_SUCCESS) code = buffers.fill(test);
  if (code == CUDA_SUCCESS) code = images.create(test.images);
  if (code == CUDA_SUCCESS) code = tensors.create(test.tensors);
  if (code == CUDA_SUCCESS) code = launch(test, module, buffers, images, tensors);
  if (code != test.expected_error) return report(test.path, error_name(code) + (log.empty() ? "" : "\n  " + log));
  if (test.expected_error != CUDA_SUCCESS) return Outcome::passed;
  const std::string differences = compare(test, buffers, images, tensors, print);
  cuModuleUnload(module);
  if (print) std::printf("%s:%s\n", test.path.c_str(), differences.c_str());
  if (!print && !differences.empty()) return report(test.path, differences);
  return Outcome::passed;
}

std::vector<std::string> collect(const std::vector<std::string>& arguments) {
  std::vector<std::string> paths;
  for (const std::string& argument : arguments) {
    if (!std::filesystem::is_directory(argument)) {
      paths.push_back(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argument))
      if (entry.path().extension() == ".ptx") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Compute capability times ten, or 0 without a device.
unsigned open_device() {
  CUdevice device = 0;
  CUcontext context = nullptr;
  int major = 0, minor = 0;
  if (cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&device, 0) != CUDA_SUCCESS) return 0;
  if (cuDevicePrimaryCtxRetain(&context, device) != CUDA_SUCCESS || cuCtxSetCurrent(context) != CUDA_SUCCESS) return 0;
  cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  return static_cast<unsigned>(major * 10 + minor);
}

// Whether what poisons a context has happened to this process's. Then every further call fails with the same error.
bool context_is_spoiled() { return cuCtxSynchronize() != CUDA_SUCCESS; }

int run_all(const std::vector<std::string>& paths, bool print) {
  unsigned capability = 0;
  Tests tests;
  tests.count = paths.size();
  tests.open = [&] { return capability = open_device(); };
  tests.run = [&](size_t number) {
    const Test test = read_test(paths[number]);
    if (!test.refusal.empty()) return report(test.path, test.refusal);
    const bool fits = test.only_target ? test.target == capability : test.target <= capability;
    return fits ? run(test, print) : Outcome::skipped;
  };
  tests.spoiled = context_is_spoiled;
  tests.lost = [&](size_t number, const std::string& how) { (void)report(paths[number], how); };
  const Counts counts = run_in_processes(tests);
  if (counts.capability == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  if (counts.skipped != 0) std::printf("%zu skipped: not for this device (sm_%u)\n", counts.skipped, counts.capability);
  std::printf("%zu passed, %zu failed\n", counts.passed, counts.failed);
  return counts.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vgpu::ptx_test

int main(int argc, char** argv) {
  bool print = false;
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--print") print = true;
    else arguments.push_back(argument);
  }
  return vgpu::ptx_test::run_all(vgpu::ptx_test::collect(arguments), print);
}
