// SPDX-License-Identifier: Apache-2.0
// Decompression by the device's own engine, which few devices have. CUDA driver API: Memory Management.
#include <array>

#include "tests/contract/fixture.h"

namespace {

class Decompression : public Gpu {
 public:
  CUmemDecompressParams stored_deflate() {
    CUmemDecompressParams operation = {};
    operation.srcNumBytes = kDeflated.size();
    operation.dstNumBytes = 5;
    operation.dstActBytes = reinterpret_cast<cuuint32_t*>(written.address);
    operation.src = reinterpret_cast<const void*>(source.address);
    operation.dst = reinterpret_cast<void*>(target.address);
    operation.algo = CU_MEM_DECOMPRESS_ALGORITHM_DEFLATE;
    return operation;
  }

  // RFC 1951, 3.2.4: one last block, stored, of five bytes.
  static constexpr std::array<unsigned char, 10> kDeflated = {0x01, 0x05, 0x00, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o'};
  DeviceBuffer source{16}, target{16}, written{4};
};

}  // namespace

TEST_CASE_METHOD(Decompression, "a batch of one is decompressed where the device has an engine", "[contract][memory]") {
  const int algorithms = attribute(CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK);
  REQUIRE_CUDA(cuMemcpyHtoD(source, kDeflated.data(), kDeflated.size()));
  CUmemDecompressParams operation = stored_deflate();
  Stream stream;
  const CUresult result = cuMemBatchDecompressAsync(&operation, 1, 0, nullptr, stream);
  if ((algorithms & CU_MEM_DECOMPRESS_ALGORITHM_DEFLATE) == 0) {
    CHECK(result != CUDA_SUCCESS);
    return;
  }
  REQUIRE(result == CUDA_SUCCESS);
  stream.synchronize();
  CHECK(read_words(written, 1)[0] == 5);
  CHECK((read_bytes(target, 5) == std::vector<unsigned char>{'h', 'e', 'l', 'l', 'o'}));
}

TEST_CASE_METHOD(Decompression, "wrong batches of decompression are refused", "[contract][memory]") {
  CUmemDecompressParams operation = stored_deflate();
  Stream stream;
  CHECK_REFUSED(cuMemBatchDecompressAsync(nullptr, 1, 0, nullptr, stream));
  CHECK_REFUSED(cuMemBatchDecompressAsync(&operation, 1, 1, nullptr, stream));
  operation.algo = CU_MEM_DECOMPRESS_UNSUPPORTED;
  CHECK_REFUSED(cuMemBatchDecompressAsync(&operation, 1, 0, nullptr, stream));
}
