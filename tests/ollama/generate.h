// SPDX-License-Identifier: Apache-2.0
// Loads backends and a model, generates tokens greedily, unloads: what one request to Ollama makes llama-server do.
// Called by the harness, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/result.h"
#include "tests/ollama/llama.h"

namespace vgpu::ollama {

struct BackendDevice {
  std::string name, description;
  int type = 0;  // as Llama::dev_type
  uint64_t free_bytes = 0, total_bytes = 0;
};

struct Request {
  std::string model, prompt = "what is on in the sea?";
  int tokens = 16;
  int prompt_repeats = 1;  // the prompt again and again, for longer batches
  int chunk = 0;           // prompt tokens evaluated at once; 0: all
  bool offload = true;     // all layers to the GPU
  // Tokens to go on with, instead of the chosen ones: so that a run sees what another one saw, and numbers compare.
  std::vector<int32_t> follow;
};

struct Answer {
  std::vector<int32_t> prompt_tokens, tokens;
  std::string text;
  std::vector<float> logits;       // of each generated token's choice, one row of the vocabulary after the other
  std::vector<std::string> notes;  // what the libraries said about devices, layers and buffers
  uint64_t free_before = 0, free_loaded = 0, free_after = 0;  // of the first GPU, bytes
  double load_seconds = 0, prompt_seconds = 0, token_seconds = 0;
};

class Session {
 public:
  // Loads libllama and a CPU backend of a package's directory and, when `cuda`, libggml-cuda.so. `cpu`: for which
  // processors, as the file is called; empty: one that suits this machine's.
  static Result<Session> create(const std::string& directory, bool cuda, bool verbose, const std::string& cpu = "");

  std::vector<BackendDevice> devices() const;
  // The first of a type, as Llama::dev_type numbers them.
  Result<Device*> device(int type) const;
  Result<Answer> generate(const Request& request) const;
  // Keeps the model loaded and answers prompts, one after the other, as long as `next` has one.
  using NextPrompt = std::function<bool(std::string& prompt)>;
  using TakeAnswer = std::function<void(const Answer& answer)>;
  Result<void> serve(Request request, const NextPrompt& next, const TakeAnswer& take) const;

 private:
  explicit Session(const Llama& llama) : llama_(llama) {}
  uint64_t free_bytes() const;
  Llama llama_;
};

}  // namespace vgpu::ollama
