// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/llama.h"

#include <cstring>

#include "tests/ollama/loader.h"

namespace vgpu::ollama {

void Parameters::set(size_t offset, int32_t value) { std::memcpy(bytes.data() + offset, &value, sizeof value); }

int32_t Parameters::get(size_t offset) const {
  int32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<Llama> Llama::load(const std::string& directory) {
  Llama llama{};
  Loader loader(directory);
  loader.open("libggml-base.so");
  loader.find(llama.dev_name, "ggml_backend_dev_name");
  loader.find(llama.dev_description, "ggml_backend_dev_description");
  loader.find(llama.dev_type, "ggml_backend_dev_type");
  loader.find(llama.dev_memory, "ggml_backend_dev_memory");
  loader.open("libggml.*so");
  loader.find(llama.backend_load, "ggml_backend_load");
  loader.find(llama.dev_count, "ggml_backend_dev_count");
  loader.find(llama.dev_get, "ggml_backend_dev_get");
  loader.open("libllama.*so");
  loader.find(llama.log_set, "llama_log_set");
  loader.find(llama.backend_init, "llama_backend_init");
  loader.find(llama.model_default_params, "llama_model_default_params");
  loader.find(llama.context_default_params, "llama_context_default_params");
  loader.find(llama.model_load_from_file, "llama_model_load_from_file");
  loader.find(llama.model_free, "llama_model_free");
  loader.find(llama.init_from_model, "llama_init_from_model");
  loader.find(llama.free, "llama_free");
  loader.find(llama.set_n_threads, "llama_set_n_threads");
  loader.find(llama.model_get_vocab, "llama_model_get_vocab");
  loader.find(llama.vocab_n_tokens, "llama_vocab_n_tokens");
  loader.find(llama.tokenize, "llama_tokenize");
  loader.find(llama.token_to_piece, "llama_token_to_piece");
  loader.find(llama.decode, "llama_decode");
  loader.find(llama.get_logits_ith, "llama_get_logits_ith");
  if (!loader.error().empty()) return Error{loader.error()};
  return llama;
}

}  // namespace vgpu::ollama
