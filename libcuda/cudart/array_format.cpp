// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/array_format.h"

namespace vgpu::runtime {
namespace {

// Any number of channels but three.
struct Plain {
  CUarray_format format;
  cudaChannelFormatKind kind;
  int bits;
};

constexpr Plain kPlain[] = {
    {CU_AD_FORMAT_UNSIGNED_INT8, cudaChannelFormatKindUnsigned, 8},
    {CU_AD_FORMAT_UNSIGNED_INT16, cudaChannelFormatKindUnsigned, 16},
    {CU_AD_FORMAT_UNSIGNED_INT32, cudaChannelFormatKindUnsigned, 32},
    {CU_AD_FORMAT_SIGNED_INT8, cudaChannelFormatKindSigned, 8},
    {CU_AD_FORMAT_SIGNED_INT16, cudaChannelFormatKindSigned, 16},
    {CU_AD_FORMAT_SIGNED_INT32, cudaChannelFormatKindSigned, 32},
    {CU_AD_FORMAT_HALF, cudaChannelFormatKindFloat, 16},
    {CU_AD_FORMAT_FLOAT, cudaChannelFormatKindFloat, 32},
};

enum class Storage {
  whole,     // an element is that many bits, of which each channel is a fraction
  fraction,  // blocks, whose channels are fractions
  other,     // blocks of floats, planes, packed bits
};

// A kind that says how many channels there are, with the bits that channel_descriptor.h gives each.
struct Fixed {
  CUarray_format format;
  cudaChannelFormatKind kind;
  int bits[4];
  Storage storage;
};

constexpr Fixed kFixed[] = {
    {CU_AD_FORMAT_UNORM_INT8X1, cudaChannelFormatKindUnsignedNormalized8X1, {8}, Storage::whole},
    {CU_AD_FORMAT_UNORM_INT8X2, cudaChannelFormatKindUnsignedNormalized8X2, {8, 8}, Storage::whole},
    {CU_AD_FORMAT_UNORM_INT8X4, cudaChannelFormatKindUnsignedNormalized8X4, {8, 8, 8, 8}, Storage::whole},
    {CU_AD_FORMAT_UNORM_INT16X1, cudaChannelFormatKindUnsignedNormalized16X1, {16}, Storage::whole},
    {CU_AD_FORMAT_UNORM_INT16X2, cudaChannelFormatKindUnsignedNormalized16X2, {16, 16}, Storage::whole},
    {CU_AD_FORMAT_UNORM_INT16X4, cudaChannelFormatKindUnsignedNormalized16X4, {16, 16, 16, 16}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT8X1, cudaChannelFormatKindSignedNormalized8X1, {8}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT8X2, cudaChannelFormatKindSignedNormalized8X2, {8, 8}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT8X4, cudaChannelFormatKindSignedNormalized8X4, {8, 8, 8, 8}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT16X1, cudaChannelFormatKindSignedNormalized16X1, {16}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT16X2, cudaChannelFormatKindSignedNormalized16X2, {16, 16}, Storage::whole},
    {CU_AD_FORMAT_SNORM_INT16X4, cudaChannelFormatKindSignedNormalized16X4, {16, 16, 16, 16}, Storage::whole},
    {CU_AD_FORMAT_NV12, cudaChannelFormatKindNV12, {8, 8, 8}, Storage::other},
    {CU_AD_FORMAT_UNORM_INT_101010_2, cudaChannelFormatKindUnsignedNormalized1010102, {10, 10, 10, 2}, Storage::other},
    {CU_AD_FORMAT_BC1_UNORM, cudaChannelFormatKindUnsignedBlockCompressed1, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC1_UNORM_SRGB, cudaChannelFormatKindUnsignedBlockCompressed1SRGB, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC2_UNORM, cudaChannelFormatKindUnsignedBlockCompressed2, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC2_UNORM_SRGB, cudaChannelFormatKindUnsignedBlockCompressed2SRGB, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC3_UNORM, cudaChannelFormatKindUnsignedBlockCompressed3, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC3_UNORM_SRGB, cudaChannelFormatKindUnsignedBlockCompressed3SRGB, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC4_UNORM, cudaChannelFormatKindUnsignedBlockCompressed4, {8}, Storage::fraction},
    {CU_AD_FORMAT_BC4_SNORM, cudaChannelFormatKindSignedBlockCompressed4, {8}, Storage::fraction},
    {CU_AD_FORMAT_BC5_UNORM, cudaChannelFormatKindUnsignedBlockCompressed5, {8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC5_SNORM, cudaChannelFormatKindSignedBlockCompressed5, {8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC6H_UF16, cudaChannelFormatKindUnsignedBlockCompressed6H, {16, 16, 16}, Storage::other},
    {CU_AD_FORMAT_BC6H_SF16, cudaChannelFormatKindSignedBlockCompressed6H, {16, 16, 16}, Storage::other},
    {CU_AD_FORMAT_BC7_UNORM, cudaChannelFormatKindUnsignedBlockCompressed7, {8, 8, 8, 8}, Storage::fraction},
    {CU_AD_FORMAT_BC7_UNORM_SRGB, cudaChannelFormatKindUnsignedBlockCompressed7SRGB, {8, 8, 8, 8}, Storage::fraction},
};

unsigned channels_of(const Fixed& row) {
  unsigned count = 0;
  for (const int bits : row.bits) count += bits != 0;
  return count;
}

// Each channel as wide as the first, without a gap; three of them are nothing that an array stores.
bool count_channels(const cudaChannelFormatDesc& channels, unsigned* count) {
  const int widths[] = {channels.x, channels.y, channels.z, channels.w};
  unsigned used = 0;
  while (used < 4 && widths[used] != 0) ++used;
  for (unsigned i = 0; i < 4; ++i)
    if (widths[i] != (i < used ? channels.x : 0)) return false;
  *count = used;
  return used == 1 || used == 2 || used == 4;
}

}  // namespace

size_t format_bytes(CUarray_format format) noexcept {
  for (const Plain& row : kPlain)
    if (row.format == format) return static_cast<size_t>(row.bits / 8);
  for (const Fixed& row : kFixed)
    if (row.format == format) return row.storage == Storage::whole ? static_cast<size_t>(row.bits[0] / 8) : 0;
  return 0;
}

bool find_format(const cudaChannelFormatDesc& channels, CUarray_format* format, unsigned* count) noexcept {
  for (const Plain& row : kPlain) {
    if (row.kind != channels.f || row.bits != channels.x) continue;
    *format = row.format;
    return count_channels(channels, count);
  }
  for (const Fixed& row : kFixed) {
    if (row.kind != channels.f || row.bits[0] != channels.x || row.bits[1] != channels.y || row.bits[2] != channels.z ||
        row.bits[3] != channels.w)
      continue;
    *format = row.format;
    *count = channels_of(row);
    return true;
  }
  return false;
}

bool find_channels(CUarray_format format, unsigned count, cudaChannelFormatDesc* channels) noexcept {
  for (const Plain& row : kPlain) {
    if (row.format != format) continue;
    const auto bits = [&](unsigned channel) { return channel < count ? row.bits : 0; };
    *channels = {bits(0), bits(1), bits(2), bits(3), row.kind};
    return true;
  }
  for (const Fixed& row : kFixed) {
    if (row.format != format) continue;
    *channels = {row.bits[0], row.bits[1], row.bits[2], row.bits[3], row.kind};
    return true;
  }
  return false;
}

bool is_normalized(CUarray_format format) noexcept {
  for (const Fixed& row : kFixed)
    if (row.format == format) return row.storage != Storage::other;
  return false;
}

}  // namespace vgpu::runtime
