// SPDX-License-Identifier: Apache-2.0
// printf in kernels: formats, return value, lines of many threads. Standard output is caught, compared, then printed.
#include "check.h"

#include <unistd.h>
#include <algorithm>
#include <string>
#include <vector>

__global__ void formats(int* returned) {
  returned[0] = printf("plain\n");
  returned[1] = printf("%d %i %u %x %X %o|%5d|%-5d|%05d|%+d\n", -1, 2, 3u, 255, 255, 8, 42, 42, 42, 42);
  returned[2] = printf("%lld %llu %llx %ld\n", -5000000000ll, 18446744073709551615ull, 0xfeedfacecafell, -7l);
  returned[3] = printf("%f %.3f %8.2f|%e|%g %g\n", 1.5, 2.0 / 3, -3.14159, 12345.678, 0.0001, 1e20f);
  returned[4] = printf("%s|%10s|%c%c|100%%\n", "text", "right", 'a', 'b');
}

__global__ void lines() { printf("block %d thread %d\n", blockIdx.x, threadIdx.x); }

// What the device printed until `wait` was over, through the file descriptor that programs really use.
template <class Launch, class Wait>
static std::string caught(Launch launch, Wait wait) {
  std::fflush(stdout);
  std::FILE* file = std::tmpfile();
  EXPECT(file, "no temporary file");
  const int saved = dup(1);
  dup2(fileno(file), 1);
  launch();
  const cudaError_t error = wait();
  std::fflush(stdout);
  dup2(saved, 1);
  close(saved);
  CHECK(error);
  std::string text(1 << 16, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

__global__ void one_line(int number) { printf("line %d\n", number); }

// Blocking copies are among the calls that bring out what was printed (CUDA programming guide, Formatted Output).
static void expect_line_before_copy(int number, size_t bytes) {
  void* pinned = nullptr;
  DeviceArray<char> memory(bytes);
  CHECK(cudaMallocHost(&pinned, bytes));
  const auto copy = [&] { return cudaMemcpy(pinned, memory.get(), bytes, cudaMemcpyDeviceToHost); };
  const std::string text = caught([&] { one_line<<<1, 1>>>(number); }, copy);
  const std::string expected = "line " + std::to_string(number) + "\n";
  EXPECT(text == expected, "a copy of %zu bytes brought out \"%s\"", bytes, text.c_str());
  CHECK(cudaFreeHost(pinned));
}

int main() {
  DeviceArray<int> returned(5);
  const std::string text = caught([&] { formats<<<1, 1>>>(returned.get()); }, cudaDeviceSynchronize);
  CHECK_LAUNCH();
  const std::string expected =
      "plain\n"
      "-1 2 3 ff FF 10|   42|42   |00042|+42\n"
      "-5000000000 18446744073709551615 feedfacecafe -7\n"
      "1.500000 0.667    -3.14|1.234568e+04|0.0001 1e+20\n"
      "text|     right|ab|100%\n";
  EXPECT(text == expected, "the device printed\n%sexpected\n%s", text.c_str(), expected.c_str());
  int counts[5];
  returned.read(counts);
  // The device's printf returns how many arguments it took, not how many characters it wrote.
  const int arguments[5] = {0, 10, 4, 6, 4};
  for (int i = 0; i < 5; ++i)
    EXPECT(counts[i] == arguments[i], "printf %d returned %d, expected %d", i, counts[i], arguments[i]);
  std::printf("%s", text.c_str());

  std::string all = caught([] { lines<<<3, 40>>>(); }, cudaDeviceSynchronize);
  std::vector<std::string> got, wanted;
  for (size_t at = 0, end; (end = all.find('\n', at)) != std::string::npos; at = end + 1)
    got.push_back(all.substr(at, end - at));
  for (int b = 0; b < 3; ++b)
    for (int t = 0; t < 40; ++t) wanted.push_back("block " + std::to_string(b) + " thread " + std::to_string(t));
  std::sort(got.begin(), got.end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT(got == wanted, "%zu lines instead of %zu, or others", got.size(), wanted.size());
  std::printf("%zu lines of %d threads\n", got.size(), 3 * 40);

  for (size_t bytes : {size_t{4}, size_t{100} << 10, size_t{2} << 20})
    expect_line_before_copy(static_cast<int>(bytes), bytes);
  return pass();
}
