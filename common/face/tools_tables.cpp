// SPDX-License-Identifier: Apache-2.0
// Tables B, C, H and I: made for tools, used by cuBLAS, cuBLASLt and cuFFT too.
#include "common/face/driver_face.h"
#include "common/face/export_table.h"
#include "common/face/refusal.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vgpu::face {
namespace {

// Makes a context current for a few calls, unless it is so already.
class Visit {
 public:
  explicit Visit(CUcontext context) noexcept {
    if (context == nullptr || context == current_context()) return;
    result_ = cuCtxPushCurrent_v2(context);
    is_pushed_ = result_ == CUDA_SUCCESS;
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    CUcontext popped = nullptr;
    if (is_pushed_) cuCtxPopCurrent_v2(&popped);
  }
  CUresult result() const noexcept { return result_; }

 private:
  CUresult result_ = CUDA_SUCCESS;
  bool is_pushed_ = false;
};

// --- Table B.

CUresult get_current(CUcontext* out) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUcontext context = current_context();
  if (context == nullptr && !initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  *out = context;
  return CUDA_SUCCESS;
}

struct ToolsTls {
  size_t byte_count = sizeof(ToolsTls);
  std::array<Refusal, 1> slot_1 = kRefused<Table::tools_tls, 1, 1>;
  decltype(&get_current) slot_2 = get_current;
};
static_assert(sizeof(ToolsTls) == 0x18);

constexpr ToolsTls kToolsTls;

// --- Table C.

// Runtimes read these before every call to see whether a tool watches it. No tool can attach, so they stay zero;
// they are larger than announced and writable, because a runtime owns them from then on.
constexpr size_t kFlagWords = 1024, kFewFlagWords = 14;
std::array<uint32_t, kFlagWords> call_flags;
std::array<uint32_t, kFlagWords> few_flags;

void get_call_flags(void** out, size_t* count) noexcept {
  if (out != nullptr) *out = call_flags.data();
  if (count != nullptr) *count = kFlagWords;
}

void get_few_flags(void** out, size_t* count) noexcept {
  if (out != nullptr) *out = few_flags.data();
  if (count != nullptr) *count = kFewFlagWords;
}

// The runtime's notices to a tool: nobody listens.
void ignore_notice() noexcept {}

struct CallbackHooks {
  size_t byte_count = sizeof(CallbackHooks);
  decltype(&ignore_notice) slot_1 = ignore_notice;
  decltype(&get_call_flags) slot_2 = get_call_flags;
  decltype(&ignore_notice) slot_3 = ignore_notice;
  decltype(&ignore_notice) slot_4 = ignore_notice;
  decltype(&ignore_notice) slot_5 = ignore_notice;
  decltype(&get_few_flags) slot_6 = get_few_flags;
};
static_assert(sizeof(CallbackHooks) == 0x38);

constexpr CallbackHooks kCallbackHooks;

// --- Table H.

CUresult context_id(CUcontext context, uint64_t* out) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  unsigned long long id = 0;
  const CUresult result = cuCtxGetId(context, &id);
  if (result == CUDA_SUCCESS) *out = id;
  return result;
}

CUresult stream_id_of(CUcontext context, CUstream stream, uint64_t& out) noexcept {
  const Visit visit(context);
  if (visit.result() != CUDA_SUCCESS) return visit.result();
  unsigned long long id = 0;
  const CUresult result = cuStreamGetId(stream, &id);
  if (result == CUDA_SUCCESS) out = id;
  return result;
}

// An object that stands for a stream; callers only ever hand it back to stream_object_id. The stream's own handle
// serves, so there is nothing to free when the stream goes. NULL alone is no object: it becomes the handle of the
// default stream that the caller was compiled for.
CUresult stream_object(CUcontext context, CUstream stream, CUstream* out, uint8_t is_per_thread) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (context == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  uint64_t id = 0;
  if (stream == nullptr) stream = is_per_thread != 0 ? CU_STREAM_PER_THREAD : CU_STREAM_LEGACY;
  const CUresult result = stream_id_of(context, stream, id);
  if (result == CUDA_SUCCESS) *out = stream;
  return result;
}

CUresult stream_object_id(CUcontext context, CUstream object, uint64_t* out) noexcept {
  if (out == nullptr || object == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return stream_id_of(context, object, *out);
}

struct ContextTools {
  size_t byte_count = sizeof(ContextTools);
  std::array<Refusal, 3> slots_1_to_3 = kRefused<Table::context_tools, 1, 3>;
  decltype(&context_id) slot_4 = context_id;
  std::array<Refusal, 34> slots_5_to_38 = kRefused<Table::context_tools, 5, 38>;
  decltype(&stream_object_id) slot_39 = stream_object_id;
  std::array<Refusal, 11> slots_40_to_50 = kRefused<Table::context_tools, 40, 50>;
  decltype(&stream_object) slot_51 = stream_object;
  std::array<Refusal, 41> slots_52_to_92 = kRefused<Table::context_tools, 52, 92>;
};
static_assert(sizeof(ContextTools) == 0x2e8 && offsetof(ContextTools, slot_4) == 4 * sizeof(void*) &&
              offsetof(ContextTools, slot_39) == 39 * sizeof(void*) &&
              offsetof(ContextTools, slot_51) == 51 * sizeof(void*));

constexpr ContextTools kContextTools;

// --- Table I.

using FunctionVisitor = void (*)(void* user, CUfunction function, const char* name);

// Calls `visit` for each function of the module, whatever that returns. The result is the number of functions, not a
// CUresult: 0 is what callers take for failure.
int for_each_function(CUcontext context, CUmodule module, FunctionVisitor visit, void* user) noexcept {
  if (visit == nullptr) return 0;
  const Visit stay(context);
  unsigned count = 0;
  if (stay.result() != CUDA_SUCCESS || cuModuleGetFunctionCount(&count, module) != CUDA_SUCCESS) return 0;
  std::vector<CUfunction> functions(count);
  if (count != 0 && cuModuleEnumerateFunctions(functions.data(), count, module) != CUDA_SUCCESS) return 0;
  for (const CUfunction function : functions) {
    const char* name = nullptr;
    visit(user, function, cuFuncGetName(&name, function) == CUDA_SUCCESS ? name : nullptr);
  }
  return static_cast<int>(count);
}

struct ModuleTools {
  size_t byte_count = sizeof(ModuleTools);
  std::array<Refusal, 6> slots_1_to_6 = kRefused<Table::module_tools, 1, 6>;
  decltype(&for_each_function) slot_7 = for_each_function;
  std::array<Refusal, 91> slots_8_to_98 = kRefused<Table::module_tools, 8, 98>;
};
static_assert(sizeof(ModuleTools) == 0x318 && offsetof(ModuleTools, slot_7) == 7 * sizeof(void*));

constexpr ModuleTools kModuleTools;

}  // namespace

const void* tools_tls_table() noexcept { return &kToolsTls; }
const void* callback_hooks_table() noexcept { return &kCallbackHooks; }
const void* context_tools_table() noexcept { return &kContextTools; }
const void* module_tools_table() noexcept { return &kModuleTools; }

}  // namespace vgpu::face
