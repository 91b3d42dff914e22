// SPDX-License-Identifier: Apache-2.0
// The code of a module or library as an application hands it over (fat binary, PTX text, file), reduced to the PTX
// texts that fit the device. Owns its texts, so the application may reuse its memory at once. Made by cuModuleLoad*,
// cuLibraryLoad* and cuLink*; immutable, any thread.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"
#include "softgpu/machine/program.h"
#include "softgpu/ptx/image.h"

namespace vgpu::soft {

// What code is chosen for: a capability, as 75, and what becomes of code for later ones.
struct CodeTarget {
  int capability = 75;
  ptx::LaterCode later = ptx::LaterCode::refused;

  int newest() const { return later == ptx::LaterCode::runs ? std::numeric_limits<int>::max() : capability; }
};

class CodeImage final : public RefCounted {
 public:
  // What an application's pointer points to: a fat binary's wrapper or container, or PTX text ended by NUL. Its length
  // follows from its contents. INVALID_IMAGE, NO_BINARY_FOR_GPU.
  static Result<Ref<CodeImage>, CompileError> read(const void* code, CodeTarget target);
  // The same with known length.
  static Result<Ref<CodeImage>, CompileError> read(std::span<const std::byte> code, CodeTarget target);
  // FILE_NOT_FOUND and the errors of read().
  static Result<Ref<CodeImage>, CompileError> read_file(const char* path, CodeTarget target);
  static Ref<CodeImage> of_texts(std::vector<std::string> texts);
  // A fat binary of these texts which the functions above turn into all of them again, to be linked together: what
  // cuLinkComplete returns. `architecture` as 75.
  static std::vector<std::byte> link_image(std::span<const std::string> texts, int architecture);

  std::span<const std::string_view> texts() const { return views_; }

 private:
  explicit CodeImage(std::vector<std::string> texts);

  std::vector<std::string> texts_;
  std::vector<std::string_view> views_;
};

// The bytes of a file, or FILE_NOT_FOUND.
CuResult<std::vector<std::byte>> read_code_file(const char* path);

}  // namespace vgpu::soft
