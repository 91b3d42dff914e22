// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/code_image.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "softgpu/ptx/image.h"

namespace vgpu::soft {
namespace {

const char* explain(CUresult code) {
  switch (static_cast<int>(code)) {
    case CUDA_ERROR_INVALID_IMAGE:
      return "this is no device code, or it is corrupt";
    case CUDA_ERROR_NO_BINARY_FOR_GPU:
      return "no PTX for this device's compute capability (cubins cannot run here)";
    case CUDA_ERROR_INVALID_PTX:
      return "PTX for a device of later compute capability";
    case CUDA_ERROR_NOT_SUPPORTED:
      return "compressed as by an old nvcc";
    default:
      return "the image cannot be read";
  }
}

Result<Ref<CodeImage>, CompileError> choose(const Result<ptx::ImageEntries, CUresult>& entries, int capability) {
  if (!entries) return CompileError{entries.error(), explain(entries.error())};
  const auto number = static_cast<uint32_t>(capability);
  auto texts = ptx::choose_ptx(entries.value(), {number / 10, number % 10});
  if (!texts) return CompileError{texts.error(), explain(texts.error())};
  return CodeImage::of_texts(*std::move(texts));
}

}  // namespace

CodeImage::CodeImage(std::vector<std::string> texts) : texts_(std::move(texts)) {
  for (const std::string& text : texts_) views_.emplace_back(text);
}

Ref<CodeImage> CodeImage::of_texts(std::vector<std::string> texts) {
  return Ref<CodeImage>(new CodeImage(std::move(texts)));
}

Result<Ref<CodeImage>, CompileError> CodeImage::read(const void* code, int capability) {
  return choose(ptx::read_image(code), capability);
}

Result<Ref<CodeImage>, CompileError> CodeImage::read(std::span<const std::byte> code, int capability) {
  return choose(ptx::read_image(code), capability);
}

Result<Ref<CodeImage>, CompileError> CodeImage::read_file(const char* path, int capability) {
  auto bytes = read_code_file(path);
  if (!bytes) return CompileError{bytes.error(), std::string(path) + " cannot be read"};
  return read(std::span<const std::byte>(*bytes), capability);
}

CuResult<std::vector<std::byte>> read_code_file(const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rb"), &std::fclose);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  std::vector<std::byte> bytes;
  std::byte piece[65536];
  while (const size_t count = std::fread(piece, 1, sizeof piece, file.get()))
    bytes.insert(bytes.end(), piece, piece + count);
  if (std::ferror(file.get()) != 0) return CUDA_ERROR_FILE_NOT_FOUND;
  return bytes;
}

}  // namespace vgpu::soft
