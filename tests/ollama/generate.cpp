// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/generate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace vgpu::ollama {
namespace {

constexpr int kContextTokens = 512;
constexpr int kGpu = 1;

// The libraries' log. They have one function for all; so there is one collector.
struct Log {
  bool verbose = false;
  std::string line;
  std::vector<std::string> notes;
};
Log& log() {
  static Log instance;
  return instance;
}

// Ollama reads these lines, too.
bool is_note(std::string_view line) {
  constexpr std::string_view kMarks[] = {"using device", "offloaded", "buffer size", "CUDA devices",
                                         "Device ",      "failed",    "error"};
  return std::any_of(std::begin(kMarks), std::end(kMarks),
                     [line](std::string_view mark) { return line.find(mark) != std::string_view::npos; });
}

// Texts come in pieces; a line ends with its newline.
void take_log(int, const char* text, void*) {
  if (log().verbose) std::fputs(text, stderr);
  for (const char c : std::string_view(text)) {
    if (c != '\n') {
      log().line += c;
      continue;
    }
    if (is_note(log().line)) log().notes.push_back(log().line);
    log().line.clear();
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

using ModelHolder = std::unique_ptr<Model, void (*)(Model*)>;
using ContextHolder = std::unique_ptr<Context, void (*)(Context*)>;

Result<std::vector<int32_t>> tokenize(const Llama& llama, const Vocabulary* vocabulary, const Request& request) {
  std::string text;
  for (int i = 0; i < request.prompt_repeats; ++i) text += request.prompt;
  std::vector<int32_t> tokens(text.size() + 8);
  const int32_t count = llama.tokenize(vocabulary, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                                       static_cast<int32_t>(tokens.size()), true, false);
  if (count <= 0) return Error{"the prompt has no tokens"};
  if (count + request.tokens > kContextTokens) return Error{"the prompt is longer than the context"};
  tokens.resize(static_cast<size_t>(count));
  return tokens;
}

Result<ModelHolder> load_model(const Llama& llama, const Request& request) {
  Parameters parameters = llama.model_default_params();
  parameters.set(kModelGpuLayers, request.offload ? 1000 : 0);
  ModelHolder model(llama.model_load_from_file(request.model.c_str(), parameters), llama.model_free);
  if (model == nullptr) return Error{request.model + ": the model does not load"};
  return model;
}

Result<ContextHolder> make_context(const Llama& llama, Model* model) {
  Parameters parameters = llama.context_default_params();
  parameters.set(kContextLength, kContextTokens);
  parameters.set(kContextBatch, kContextTokens);
  parameters.set(kContextMicroBatch, kContextTokens);
  ContextHolder context(llama.init_from_model(model, parameters), llama.free);
  if (context == nullptr) return Error{"no context for the model"};
  // Their threads wait for each other by spinning, which on a busy machine takes far longer than the work.
  llama.set_n_threads(context.get(), 1, 1);
  return context;
}

Result<void> decode(const Llama& llama, Context* context, std::span<int32_t> tokens, int chunk) {
  const size_t step = chunk == 0 ? tokens.size() : static_cast<size_t>(chunk);
  for (size_t at = 0; at < tokens.size(); at += step) {
    const auto part = tokens.subspan(at, std::min(step, tokens.size() - at));
    const int32_t code = llama.decode(context, {static_cast<int32_t>(part.size()), part.data()});
    if (code != 0) return Error{"llama_decode returned " + std::to_string(code)};
  }
  return {};
}

void take_choice(const Llama& llama, const Vocabulary* vocabulary, std::span<const float> logits, Answer& answer) {
  const auto token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  answer.logits.insert(answer.logits.end(), logits.begin(), logits.end());
  answer.tokens.push_back(token);
  std::array<char, 64> piece{};
  const int32_t length = llama.token_to_piece(vocabulary, token, piece.data(), piece.size(), 0, true);
  if (length > 0) answer.text.append(piece.data(), static_cast<size_t>(length));
}

Result<void> generate_tokens(const Llama& llama, Context* context, const Vocabulary* vocabulary, const Request& request,
                             Answer& answer) {
  const auto width = static_cast<size_t>(llama.vocab_n_tokens(vocabulary));
  answer.prompt_tokens = TRY(tokenize(llama, vocabulary, request));
  std::vector<int32_t> next = answer.prompt_tokens;
  for (size_t i = 0; i < static_cast<size_t>(request.tokens); ++i) {
    const auto start = std::chrono::steady_clock::now();
    TRY(decode(llama, context, next, request.chunk));
    const float* logits = llama.get_logits_ith(context, -1);  // waits for the device
    if (logits == nullptr) return Error{"no logits"};
    (i == 0 ? answer.prompt_seconds : answer.token_seconds) += seconds_since(start);
    take_choice(llama, vocabulary, {logits, width}, answer);
    next = {i < request.follow.size() ? request.follow[i] : answer.tokens.back()};
  }
  return {};
}

}  // namespace

Result<Session> Session::create(const std::string& directory, bool cuda, bool verbose, const std::string& cpu) {
  Session session(TRY(Llama::load(directory)));
  log().verbose = verbose;
  session.llama_.log_set(take_log, nullptr);
  __builtin_cpu_init();
  const std::string kind = !cpu.empty() ? cpu : __builtin_cpu_supports("avx2") ? "haswell" : "x64";
  if (session.llama_.backend_load((directory + "/libggml-cpu-" + kind + ".so").c_str()) == nullptr) {
    return Error{"no CPU backend " + kind};
  }
  // Ollama keeps its backends in directories of their own, and names one of them so.
  const char* const named = std::getenv("GGML_BACKEND_PATH");
  const std::string backend = named != nullptr ? named : directory + "/libggml-cuda.so";
  if (cuda && session.llama_.backend_load(backend.c_str()) == nullptr) return Error{backend + " does not load"};
  session.llama_.backend_init();
  return session;
}

std::vector<BackendDevice> Session::devices() const {
  std::vector<BackendDevice> devices;
  for (size_t i = 0; i < llama_.dev_count(); ++i) {
    Device* device = llama_.dev_get(i);
    BackendDevice one{llama_.dev_name(device), llama_.dev_description(device), llama_.dev_type(device), 0, 0};
    size_t free = 0, total = 0;
    llama_.dev_memory(device, &free, &total);
    one.free_bytes = free;
    one.total_bytes = total;
    devices.push_back(one);
  }
  return devices;
}

Result<Device*> Session::device(int type) const {
  for (size_t i = 0; i < llama_.dev_count(); ++i) {
    if (llama_.dev_type(llama_.dev_get(i)) == type) return llama_.dev_get(i);
  }
  return Error{type == kGpu ? "no GPU" : "no CPU"};
}

uint64_t Session::free_bytes() const {
  for (const BackendDevice& device : devices()) {
    if (device.type == kGpu) return device.free_bytes;
  }
  return 0;
}

Result<Answer> Session::generate(const Request& request) const {
  Answer answer;
  answer.free_before = free_bytes();
  {
    const auto start = std::chrono::steady_clock::now();
    const ModelHolder model = TRY(load_model(llama_, request));
    const ContextHolder context = TRY(make_context(llama_, model.get()));
    answer.load_seconds = seconds_since(start);
    answer.free_loaded = free_bytes();
    TRY(generate_tokens(llama_, context.get(), llama_.model_get_vocab(model.get()), request, answer));
  }
  answer.free_after = free_bytes();
  answer.notes = log().notes;
  return answer;
}

// A context of its own for each prompt, so that none sees another's.
Result<void> Session::serve(Request request, const NextPrompt& next, const TakeAnswer& take) const {
  const ModelHolder model = TRY(load_model(llama_, request));
  while (next(request.prompt)) {
    const ContextHolder context = TRY(make_context(llama_, model.get()));
    Answer answer;
    TRY(generate_tokens(llama_, context.get(), llama_.model_get_vocab(model.get()), request, answer));
    answer.notes = log().notes;
    take(answer);
  }
  return {};
}

}  // namespace vgpu::ollama
