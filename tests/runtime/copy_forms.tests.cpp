// SPDX-License-Identifier: Apache-2.0
// Every other form of a copy: between devices, in streams, of boxes, arrays and variables, several at once; and what is
// known of ranges of managed memory.
#include <cstring>
#include <vector>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

namespace {

// Managed memory of n ints.
class ManagedInts {
 public:
  explicit ManagedInts(size_t count) {
    REQUIRE_OK(cudaMallocManaged(reinterpret_cast<void**>(&data_), count * sizeof(int)));
  }
  ~ManagedInts() { cudaFree(data_); }
  ManagedInts(const ManagedInts&) = delete;
  ManagedInts& operator=(const ManagedInts&) = delete;
  operator int*() const { return data_; }

 private:
  int* data_ = nullptr;
};

class Array {
 public:
  explicit Array(cudaChannelFormatDesc format, size_t width, size_t height, unsigned flags = 0) {
    REQUIRE_OK(cudaMallocArray(&array_, &format, width, height, flags));
  }
  ~Array() { cudaFreeArray(array_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  operator cudaArray_t() const { return array_; }

 private:
  cudaArray_t array_ = nullptr;
};

cudaChannelFormatDesc bytes() { return cudaCreateChannelDesc(8, 0, 0, 0, cudaChannelFormatKindUnsigned); }

}  // namespace

TEST_CASE("memory is copied between devices, which may be one", "[runtime][copy]") {
  Stream stream;
  DeviceInts a(2);
  DeviceInts b(2);
  const int in[] = {20, 22};
  REQUIRE_OK(cudaMemcpy(a, in, sizeof in, cudaMemcpyHostToDevice));
  CHECK_OK(cudaMemcpyPeer(b, 0, a, 0, sizeof(int)));
  CHECK(b.first() == 20);
  CHECK_OK(cudaMemcpyPeerAsync(b, 0, a + 1, 0, sizeof(int), stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(b.first() == 22);
  CHECK_ERROR(cudaMemcpyPeer(b, 99, a, 0, sizeof(int)), cudaErrorInvalidDevice);
  CHECK_OK(cudaMemcpyPeer(nullptr, 99, nullptr, 99, 0));
}

TEST_CASE("boxes are copied between devices, and in a stream", "[runtime][copy]") {
  Stream stream;
  DeviceInts a(4);
  DeviceInts b(4);
  const int in[] = {1, 2, 3, 4};
  int out[4] = {};
  cudaMemcpy3DPeerParms peer{};
  REQUIRE_OK(cudaMemcpy(a, in, sizeof in, cudaMemcpyHostToDevice));
  peer.srcPtr = {a, 8, 8, 2};
  peer.dstPtr = {b, 8, 8, 2};
  peer.extent = {8, 2, 1};
  CHECK_OK(cudaMemcpy3DPeer(&peer));
  CHECK_OK(cudaMemcpy3DPeerAsync(&peer, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  cudaMemcpy3DParms back{};
  back.srcPtr = {b, 8, 8, 2};
  back.dstPtr = {out, 8, 8, 2};
  back.extent = {8, 2, 1};
  back.kind = cudaMemcpyDeviceToHost;
  CHECK_OK(cudaMemcpy3DAsync(&back, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(std::memcmp(in, out, sizeof in) == 0);
  peer.dstDevice = 99;
  CHECK_ERROR(cudaMemcpy3DPeer(&peer), cudaErrorInvalidDevice);
  back.dstPtr.pitch = 4;
  CHECK_ERROR(cudaMemcpy3D(&back), cudaErrorInvalidPitchValue);
}

TEST_CASE("boxes are set in a stream", "[runtime][copy]") {
  Stream stream;
  DeviceInts memory(4);
  CHECK_OK(cudaMemset3DAsync(cudaPitchedPtr{memory, 8, 8, 2}, 1, cudaExtent{8, 2, 1}, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(memory.first() == 0x01010101);
}

TEST_CASE("rectangles of arrays are copied in a stream, and from one to another", "[runtime][array][copy]") {
  Stream stream;
  Array a(bytes(), 8, 2);
  Array b(bytes(), 8, 2);
  const char in[] = "abcdefghijklmno";
  char out[16] = {};
  CHECK_OK(cudaMemcpy2DToArrayAsync(a, 0, 0, in, 8, 8, 2, cudaMemcpyHostToDevice, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaMemcpy2DArrayToArray(b, 0, 0, a, 0, 0, 8, 2, cudaMemcpyDeviceToDevice));
  CHECK_OK(cudaMemcpy2DFromArrayAsync(out, 8, b, 0, 0, 8, 2, cudaMemcpyDeviceToHost, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(std::memcmp(in, out, sizeof in) == 0);
}

TEST_CASE("nothing is copied whatever else is wrong", "[runtime][copy]") {
  CHECK_OK(cudaMemcpy2D(nullptr, 0, nullptr, 0, 8, 0, cudaMemcpyHostToDevice));
  CHECK_OK(cudaMemcpy2DToArray(nullptr, 0, 0, nullptr, 0, 0, 8, cudaMemcpyHostToDevice));
  CHECK_OK(cudaMemcpyToSymbol(factor_symbol(), nullptr, 0));
}

TEST_CASE("a copy that cannot be says what is wrong with it", "[runtime][array][copy]") {
  Array array(bytes(), 8, 2);
  DeviceInts memory(4);
  char host[16] = {};
  CHECK_ERROR(cudaMemcpy2D(memory, 4, host, 8, 8, 2, cudaMemcpyHostToDevice), cudaErrorInvalidPitchValue);
  CHECK_ERROR(cudaMemcpy2DToArray(array, 0, 0, host, 4, 8, 2, cudaMemcpyHostToDevice), cudaErrorInvalidPitchValue);
  CHECK_ERROR(cudaMemcpy2DToArray(array, 0, 0, host, 8, 8, 2, cudaMemcpyDeviceToHost), cudaErrorInvalidMemcpyDirection);
  CHECK_ERROR(cudaMemcpy2DFromArray(host, 8, array, 0, 0, 8, 2, cudaMemcpyHostToDevice),
              cudaErrorInvalidMemcpyDirection);
  CHECK_ERROR(cudaMemcpyToSymbol(host, host, 4, 0, cudaMemcpyDeviceToHost), cudaErrorInvalidSymbol);
}

TEST_CASE("variables are copied in a stream", "[runtime][symbol][copy]") {
  Stream stream;
  int in = 6;
  int out = 0;
  const int one = 1;
  CHECK_OK(cudaMemcpyToSymbolAsync(factor_symbol(), &in, sizeof in, 0, cudaMemcpyHostToDevice, stream));
  CHECK_OK(cudaMemcpyFromSymbolAsync(&out, factor_symbol(), sizeof out, 0, cudaMemcpyDeviceToHost, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(out == 6);
  CHECK_OK(cudaMemcpyToSymbol(factor_symbol(), &one, sizeof one));
  CHECK_ERROR(cudaMemcpyToSymbolAsync(factor_symbol(), &in, sizeof in, 0, cudaMemcpyDeviceToHost, stream),
              cudaErrorInvalidMemcpyDirection);
}

TEST_CASE("a managed variable is a symbol", "[runtime][symbol][copy][managed]") {
  int* const variable = managed_value();
  const int six = 6, five = 5;
  void* address = nullptr;
  size_t size = 0;
  CHECK_OK(cudaGetSymbolAddress(&address, variable));
  CHECK(address == variable);
  CHECK_OK(cudaGetSymbolSize(&size, variable));
  CHECK(size == sizeof(int));
  CHECK_OK(cudaMemcpyToSymbol(variable, &six, sizeof six));
  CHECK(*variable == 6);
  CHECK_OK(cudaMemcpyToSymbol(variable, &five, sizeof five));
  CHECK_ERROR(cudaGetSymbolSize(&size, reinterpret_cast<char*>(variable) + 1), cudaErrorInvalidSymbol);
}

TEST_CASE("several copies are one call", "[runtime][copy][since13]") {
  Stream stream;
  DeviceInts a(1);
  DeviceInts b(1);
  int in[] = {20, 22};
  const void* sources[] = {&in[0], &in[1]};
  void* destinations[] = {static_cast<int*>(a), static_cast<int*>(b)};
  size_t sizes[] = {sizeof(int), sizeof(int)};
  cudaMemcpyAttributes attributes{};
  attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  size_t first = 0;
  CHECK_OK(cudaMemcpyBatchAsync(destinations, sources, sizes, 2, &attributes, &first, 1, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK((a.first() == 20 && b.first() == 22));
  CHECK_REFUSED(cudaMemcpyBatchAsync(destinations, nullptr, sizes, 2, &attributes, &first, 1, stream));
}

TEST_CASE("a range of managed memory says what it was advised", "[runtime][managed][since13]") {
  ManagedInts memory(1024);
  const cudaMemLocation device{cudaMemLocationTypeDevice, 0};
  int mostly = 0;
  int preferred = -99;
  REQUIRE_OK(cudaMemAdvise(memory, 4096, cudaMemAdviseSetReadMostly, device));
  CHECK_OK(cudaMemRangeGetAttribute(&mostly, sizeof mostly, cudaMemRangeAttributeReadMostly, memory, 4096));
  CHECK(mostly == 1);
  void* values[] = {&mostly, &preferred};
  size_t sizes[] = {sizeof mostly, sizeof preferred};
  cudaMemRangeAttribute wanted[] = {cudaMemRangeAttributeReadMostly, cudaMemRangeAttributePreferredLocation};
  REQUIRE_OK(cudaMemAdvise(memory, 4096, cudaMemAdviseUnsetReadMostly, device));
  CHECK_OK(cudaMemRangeGetAttributes(values, sizes, wanted, 2, memory, 4096));
  CHECK((mostly == 0 && preferred == cudaInvalidDeviceId));
  CHECK_OK(cudaMemPrefetchAsync(memory, 4096, device, 0, nullptr));
  CHECK_OK(cudaDeviceSynchronize());
  CHECK_REFUSED(cudaMemRangeGetAttribute(&mostly, 3, cudaMemRangeAttributeReadMostly, memory, 4096));
}

TEST_CASE("managed memory is attached to a stream", "[runtime][managed]") {
  Stream stream;
  ManagedInts memory(1);
  CHECK_OK(cudaStreamAttachMemAsync(stream, memory, 0, cudaMemAttachSingle));
  CHECK_OK(cudaStreamSynchronize(stream));
  launch_add(1, 1, stream, memory, 20, 22);
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(*memory == 42);
  CHECK_ERROR(cudaStreamAttachMemAsync(stream, memory, 0, 0x77), cudaErrorInvalidValue);
}
