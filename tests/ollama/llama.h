// SPDX-License-Identifier: Apache-2.0
// Llama: the few functions of a prebuilt llama.cpp that its users call to generate text, found by name in the directory
// that the package brought, as Ollama's runner does. Nothing is linked and no header of theirs is used. Called by the
// harness from one thread; the libraries stay loaded until the process ends, because their threads do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/result.h"

namespace vgpu::ollama {

// Parameters travel by value and grow with each version. They are asked for with default values and handed back with
// only the first fields changed, whose place has been the same for years. A larger argument does no harm: by the
// calling convention it lies on the stack, and the callee reads as much as it knows.
struct Parameters {
  std::array<std::byte, 512> bytes{};
  void set(size_t offset, int32_t value);
  int32_t get(size_t offset) const;
};
inline constexpr size_t kModelGpuLayers = 16;  // int32_t; negative: all
inline constexpr size_t kContextLength = 0, kContextBatch = 4, kContextMicroBatch = 8;

// Tokens to evaluate; null pointers let the library number positions itself and give logits for the last one.
struct Batch {
  int32_t count = 0;
  int32_t* tokens = nullptr;
  float* embeddings = nullptr;
  int32_t* positions = nullptr;
  int32_t* sequence_counts = nullptr;
  int32_t** sequences = nullptr;
  int8_t* wants_logits = nullptr;
};

struct Model;
struct Context;
struct Vocabulary;
struct Device;
struct Registry;
using LogFunction = void (*)(int level, const char* text, void* user);

// Names are those of the libraries without their prefix.
struct Llama {
  static Result<Llama> load(const std::string& directory);

  // libllama
  void (*log_set)(LogFunction, void*);
  void (*backend_init)();
  Parameters (*model_default_params)();
  Parameters (*context_default_params)();
  Model* (*model_load_from_file)(const char* path, Parameters);
  void (*model_free)(Model*);
  Context* (*init_from_model)(Model*, Parameters);
  void (*free)(Context*);
  void (*set_n_threads)(Context*, int32_t threads, int32_t batch_threads);
  const Vocabulary* (*model_get_vocab)(const Model*);
  int32_t (*vocab_n_tokens)(const Vocabulary*);
  int32_t (*tokenize)(const Vocabulary*, const char* text, int32_t length, int32_t* tokens, int32_t room,
                      bool add_special, bool parse_special);
  int32_t (*token_to_piece)(const Vocabulary*, int32_t token, char* text, int32_t room, int32_t strip, bool special);
  int32_t (*decode)(Context*, Batch);
  float* (*get_logits_ith)(Context*, int32_t);

  // libggml and libggml-base
  Registry* (*backend_load)(const char* path);
  size_t (*dev_count)();
  Device* (*dev_get)(size_t);
  const char* (*dev_name)(Device*);
  const char* (*dev_description)(Device*);
  int (*dev_type)(Device*);  // 0 CPU, 1 GPU with memory of its own, 2 integrated GPU
  void (*dev_memory)(Device*, size_t* free, size_t* total);
};

}  // namespace vgpu::ollama
