// SPDX-License-Identifier: Apache-2.0
// Asks whichever CUDA driver the library path names which instruction forms it knows: the software GPU, or NVIDIA's.
//   ptx_forms FILE...                 each form in a kernel of its own: `accept` must load, `refuse` must not
//   ptx_forms --write DIRECTORY FILE...   the same as texts, for ptxas
// Exit status 0 when all are as the files say, 77 without a device. docs: tests/ptx_forms/README.md.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace vgpu::ptx_forms {
namespace {

struct Form {
  std::string text;
  unsigned line = 0;
  bool accept = true;
};

struct File {
  std::string path, version = "9.0", target = "sm_75";
  std::vector<Form> forms;
};

// `<a|b|>`: the text with each of the alternatives, the innermost first.
void expand(const std::string& text, std::vector<std::string>& out) {
  const size_t end = text.find('>');
  if (end == std::string::npos) {
    out.push_back(text);
    return;
  }
  const size_t begin = text.rfind('<', end);
  std::istringstream alternatives(text.substr(begin + 1, end - begin - 1) + "|");
  for (std::string one; std::getline(alternatives, one, '|');)
    expand(text.substr(0, begin) + one + text.substr(end + 1), out);
}

// `~` is the text's own `|`, as in `%r1~%p1`; `$r4:3` the vector {%r4, %r5, %r6}.
std::string with_vectors(std::string text) {
  for (char& c : text) c = c == '~' ? '|' : c;
  for (size_t at = text.find('$'); at != std::string::npos; at = text.find('$')) {
    char bank = 0;
    unsigned first = 0, count = 0;
    int length = 0;
    if (std::sscanf(text.c_str() + at, "$%c%u:%u%n", &bank, &first, &count, &length) != 3) std::abort();
    std::string vector = "{";
    for (unsigned i = 0; i < count; ++i) vector += std::string(i == 0 ? "%" : ", %") + bank + std::to_string(first + i);
    text.replace(at, static_cast<size_t>(length), vector + "}");
  }
  return text;
}

bool read_file(const std::string& path, File& file) {
  file.path = path;
  std::ifstream stream(path);
  if (!stream) return false;
  unsigned number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word[0] == '#') continue;
    if (word == "target") {
      words >> file.target;
    } else if (word == "version") {
      words >> file.version;
    } else if (word == "accept" || word == "refuse") {
      std::string rest;
      std::getline(words >> std::ws, rest);
      std::vector<std::string> texts;
      expand(rest, texts);
      for (const std::string& text : texts) file.forms.push_back({with_vectors(text), number, word == "accept"});
    } else {
      std::printf("%s:%u: neither target, version, accept nor refuse\n", path.c_str(), number);
      return false;
    }
  }
  return !file.forms.empty();
}

// A kernel for each form, with registers of every width: %p predicates, %h 16 bits, %r 32, %d 64, %q 128.
std::string module_text(const File& file, const Form* begin, const Form* end) {
  std::string text = ".version " + file.version + "\n.target " + file.target + "\n.address_size 64\n";
  for (const Form* form = begin; form != end; ++form) {
    text += ".visible .entry form" + std::to_string(form - begin) + "()\n{\n";
    text += "  .reg .pred %p<16>; .reg .b16 %h<64>; .reg .b32 %r<96>; .reg .b64 %d<64>;";
    if (form->text.find("b128") != std::string::npos) text += " .reg .b128 %q<16>;";
    text += "\n  " + form->text + "\n  ret;\n}\n";
  }
  return text;
}

// Whether the driver takes all of these.
bool loads(const File& file, const Form* begin, const Form* end) {
  const std::string text = module_text(file, begin, end);
  CUmodule module = nullptr;
  if (cuModuleLoadData(&module, text.c_str()) != CUDA_SUCCESS) return false;
  bool good = true;
  for (long i = 0; good && i < end - begin; ++i) {
    CUfunction function = nullptr;
    good = cuModuleGetFunction(&function, module, ("form" + std::to_string(i)).c_str()) == CUDA_SUCCESS;
  }
  cuModuleUnload(module);
  return good;
}

// Halves what does not load as a whole until the guilty ones are found.
size_t report_refused(const File& file, const Form* begin, const Form* end) {
  if (begin == end || loads(file, begin, end)) return 0;
  if (end - begin == 1) {
    std::printf("FAIL %s:%u: refused: %s\n", file.path.c_str(), begin->line, begin->text.c_str());
    return 1;
  }
  const Form* middle = begin + (end - begin) / 2;
  return report_refused(file, begin, middle) + report_refused(file, middle, end);
}

size_t check(const File& file) {
  constexpr size_t kAtOnce = 256;
  std::vector<Form> accepted;
  size_t failed = 0;
  for (const Form& form : file.forms) {
    if (form.accept) {
      accepted.push_back(form);
    } else if (loads(file, &form, &form + 1)) {
      std::printf("FAIL %s:%u: accepted: %s\n", file.path.c_str(), form.line, form.text.c_str());
      ++failed;
    }
  }
  for (size_t first = 0; first < accepted.size(); first += kAtOnce) {
    const size_t last = std::min(accepted.size(), first + kAtOnce);
    failed += report_refused(file, accepted.data() + first, accepted.data() + last);
  }
  return failed;
}

int write(const std::vector<File>& files, const std::filesystem::path& directory) {
  for (const File& file : files) {
    const std::string stem = std::filesystem::path(file.path).stem().string();
    std::vector<Form> accepted;
    for (const Form& form : file.forms) {
      if (form.accept) {
        accepted.push_back(form);
        continue;
      }
      const std::string name = stem + "." + std::to_string(&form - file.forms.data()) + ".refuse.ptx";
      std::ofstream(directory / name) << module_text(file, &form, &form + 1);
    }
    std::ofstream(directory / (stem + ".accept.ptx"))
        << module_text(file, accepted.data(), accepted.data() + accepted.size());
  }
  return 0;
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

int check_all(const std::vector<File>& files) {
  const unsigned capability = open_device();
  if (capability == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  size_t passed = 0, failed = 0;
  for (const File& file : files) {
    if (std::strtoul(file.target.c_str() + 3, nullptr, 10) > capability) continue;
    const size_t bad = check(file);
    failed += bad;
    passed += file.forms.size() - bad;
  }
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vgpu::ptx_forms

int main(int argc, char** argv) {
  using namespace vgpu::ptx_forms;
  const bool writes = argc > 2 && std::string(argv[1]) == "--write";
  std::vector<File> files;
  for (int i = writes ? 3 : 1; i < argc; ++i) {
    files.emplace_back();
    if (!read_file(argv[i], files.back())) {
      std::printf("cannot read %s\n", argv[i]);
      return 2;
    }
  }
  return writes ? write(files, argv[2]) : check_all(files);
}
