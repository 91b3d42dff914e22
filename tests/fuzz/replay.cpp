// SPDX-License-Identifier: Apache-2.0
// Runs a fuzzer's function without libFuzzer: replay [--changed COUNT] [FILE|DIRECTORY]...
// Each file is an input as it is, so that what was found can be looked at under any sanitizer or debugger. With
// --changed, COUNT inputs follow that are made from them (or from nothing), always the same ones: so the fuzzers are
// part of `make check`.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;
constexpr size_t kLongest = 4096;

void run(const std::string& input) {
  // Of exactly its size, so that a read behind it is seen.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Changer {
 public:
  explicit Changer(const std::vector<std::string>& inputs) : inputs_(inputs) {}

  std::string next() {
    std::string input = any();
    for (size_t i = below(4) + 1; i != 0; --i) change(input);
    input.resize(std::min(input.size(), kLongest));
    return input;
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  std::string any() {
    if (!inputs_.empty()) return inputs_[below(inputs_.size())];
    std::string noise(below(600), '\0');
    for (char& byte : noise) byte = static_cast<char>(random_());
    return noise;
  }
  std::string piece(const std::string& from) {
    const size_t at = below(from.size());
    return from.substr(at, below(64) + 1);
  }

  void change(std::string& input) {
    const size_t at = below(input.size() + 1);
    switch (below(6)) {
      case 0: input.erase(at, below(16) + 1); return;
      case 1: input.insert(at, piece(any())); return;
      case 2: input.insert(at, below(8) + 1, static_cast<char>(random_())); return;
      case 3: input.replace(at, below(16), piece(input)); return;
      case 4: input.replace(at, below(8), numbers_[below(std::size(numbers_))]); return;
      default:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << below(8));
    }
  }

  static constexpr const char* numbers_[] = {
      "0", "-1", "1", "255", "65536", "2147483648", "4294967295", "18446744073709551615", "0x7fffffffffffffff"};
  const std::vector<std::string>& inputs_;
  std::mt19937_64 random_{20260101};  // the same inputs everywhere
};

void add_file(const fs::path& path, std::vector<std::string>& inputs) {
  std::ifstream file(path, std::ios::binary);
  inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> inputs;
  unsigned long count = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--changed" && i + 1 < argc) {
      count = std::strtoul(argv[++i], nullptr, 10);
    } else if (fs::is_directory(argv[i])) {
      std::vector<fs::path> files(fs::recursive_directory_iterator{argv[i]}, {});
      std::sort(files.begin(), files.end());
      for (const fs::path& file : files)
        if (fs::is_regular_file(file)) add_file(file, inputs);
    } else {
      add_file(argv[i], inputs);
    }
  }
  for (const std::string& input : inputs) run(input);
  Changer changer(inputs);
  for (unsigned long i = 0; i < count; ++i) run(changer.next());
  std::printf("%zu inputs, and %lu made from them\n", inputs.size(), count);
}
