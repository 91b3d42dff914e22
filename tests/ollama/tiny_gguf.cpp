// SPDX-License-Identifier: Apache-2.0
// tiny-gguf OUT TYPE [tiny|large [LAYERS]]: writes a language model of the llama architecture with random weights of a
// fixed seed: the same bytes every time. Its text is noise, so it shows that two runs compute the same, never what they
// mean. TYPE is that of the matrices: f32, f16, q4_0, q8_0 or q4_k (in the last three the output's is q8_0). A tiny one
// is small enough for a GPU that is a CPU; a large one is a real model's size (1.3 GB in Q4_0), for what a token costs,
// and is written in seconds.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/ollama/gguf_file.h"
#include "tests/ollama/random.h"

namespace vgpu::ollama {
namespace {

// Widths are multiples of 256, a block of Q4_K.
struct Shape {
  uint32_t embedding = 256, layers = 4, heads = 4, kv_heads = 2, feed_forward = 512, context = 2048;
  size_t vocabulary = 288;  // at least; unused tokens fill it up
  uint32_t head_width() const { return embedding / heads; }
};
constexpr Shape kLarge{2560, 32, 20, 4, 6912, 2048, 32000};

std::string utf8(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

// GPT-2 writes a byte that prints as itself and the others as the characters from U+0100 on, in their order.
bool prints(uint32_t byte) { return (byte > 32 && byte < 127) || (byte > 160 && byte != 173); }

std::vector<std::string> byte_symbols() {
  std::vector<std::string> symbols;
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) symbols.push_back(utf8(prints(byte) ? byte : next++));
  return symbols;
}

// Returns how many tokens there are.
uint32_t add_vocabulary(GgufFile& file, size_t least) {
  constexpr int32_t kNormal = 1, kControl = 3, kUnused = 5;
  std::vector<std::string> tokens = byte_symbols();
  const std::string space = tokens[' '];
  const std::vector<std::string> merges = {"o n", "i n", "r e", "a t", "e n", "s t", space + " w", space + " s"};
  for (const std::string& merge : merges) {
    std::string token = merge;
    token.erase(token.find(' '), 1);
    tokens.push_back(token);
  }
  std::vector<int32_t> types(tokens.size(), kNormal);
  const auto begin = static_cast<uint32_t>(tokens.size());
  for (const char* control : {"<begin>", "<end>"}) {
    tokens.emplace_back(control);
    types.push_back(kControl);
  }
  while (tokens.size() < least || tokens.size() % 32 != 0) {
    tokens.push_back("<unused" + std::to_string(tokens.size()) + ">");
    types.push_back(kUnused);
  }
  file.add_key("tokenizer.ggml.model", "gpt2");
  file.add_key("tokenizer.ggml.pre", "gpt-2");
  file.add_key("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  file.add_key("tokenizer.ggml.token_type", std::span<const int32_t>(types));
  file.add_key("tokenizer.ggml.merges", std::span<const std::string>(merges));
  file.add_key("tokenizer.ggml.bos_token_id", begin);
  file.add_key("tokenizer.ggml.eos_token_id", begin + 1);
  file.add_key("tokenizer.ggml.add_bos_token", true);
  return static_cast<uint32_t>(tokens.size());
}

void add_shape(GgufFile& file, const Shape& shape, WeightType type) {
  file.add_key("general.architecture", "llama");
  file.add_key("general.name", "tiny");
  file.add_key("general.file_type", file_type_of(type));
  file.add_key("llama.context_length", shape.context);
  file.add_key("llama.embedding_length", shape.embedding);
  file.add_key("llama.block_count", shape.layers);
  file.add_key("llama.feed_forward_length", shape.feed_forward);
  file.add_key("llama.rope.dimension_count", shape.head_width());
  file.add_key("llama.attention.head_count", shape.heads);
  file.add_key("llama.attention.head_count_kv", shape.kv_heads);
  file.add_key("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  file.add_key("llama.rope.freq_base", 10000.0f);
}

class Weights {
 public:
  Weights(GgufFile& file, WeightType type) : file_(file), type_(type) {}

  // `spread`: the standard deviation of what comes out when what goes in has 1.
  void matrix(const std::string& name, uint64_t in, uint64_t out, float spread) {
    matrix(name, in, out, spread, type_);
  }
  void matrix(const std::string& name, uint64_t in, uint64_t out, float spread, WeightType type) {
    // Making up and encoding each number of a large matrix would take minutes: it repeats its first million.
    constexpr uint64_t kDistinct = 1 << 20;
    std::vector<float> values(std::min(in * out, kDistinct));
    const float scale = spread / std::sqrt(static_cast<float>(in));
    for (float& value : values) value = random_.gaussian() * scale;
    file_.add_tensor(name, std::vector<uint64_t>{in, out}, type, values);
  }
  void norm(const std::string& name, uint64_t width) {
    file_.add_tensor(name, std::vector<uint64_t>{width}, WeightType::f32, std::vector<float>(width, 1.0f));
  }

 private:
  GgufFile& file_;
  WeightType type_;
  Random random_;
};

void add_weights(GgufFile& file, const Shape& shape, uint32_t vocabulary, WeightType type) {
  // Narrow inside, so that the rounding of activations to eight bits, which each backend does its own way, is not
  // amplified from layer to layer; the layers still make a fifth of the widest number. That one is about 1.
  constexpr float kInside = 0.15f, kOutput = 0.24f;
  // Files that are made for use keep this matrix finer than the others, too.
  const bool blocks = type != WeightType::f32 && type != WeightType::f16;
  const WeightType output_type = blocks ? WeightType::q8_0 : type;
  const uint64_t width = shape.embedding, kv_width = uint64_t{shape.kv_heads} * shape.head_width();
  Weights weights(file, type);
  weights.matrix("token_embd.weight", width, vocabulary, 1.0f);
  weights.norm("output_norm.weight", width);
  weights.matrix("output.weight", width, vocabulary, kOutput, output_type);
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    weights.norm(block + "attn_norm.weight", width);
    weights.matrix(block + "attn_q.weight", width, width, kInside);
    weights.matrix(block + "attn_k.weight", width, kv_width, kInside);
    weights.matrix(block + "attn_v.weight", width, kv_width, kInside);
    weights.matrix(block + "attn_output.weight", width, width, kInside);
    weights.norm(block + "ffn_norm.weight", width);
    weights.matrix(block + "ffn_gate.weight", width, shape.feed_forward, kInside);
    weights.matrix(block + "ffn_up.weight", width, shape.feed_forward, kInside);
    weights.matrix(block + "ffn_down.weight", shape.feed_forward, width, kInside);
  }
}

}  // namespace

int write_tiny_gguf(int count, char** words) {
  const std::string_view size = count > 3 ? words[3] : "tiny";
  Shape shape = size == "large" ? kLarge : Shape{};
  WeightType type = WeightType::f16;
  if (count == 5) shape.layers = static_cast<uint32_t>(std::strtoul(words[4], nullptr, 10));
  const bool sized = (size == "tiny" || size == "large") && shape.layers > 0;
  if (count < 3 || count > 5 || !sized || !parse_weight_type(words[2], type)) {
    std::fprintf(stderr, "usage: tiny-gguf OUT f32|f16|q4_0|q8_0|q4_k [tiny|large [LAYERS]]\n");
    return 2;
  }
  GgufFile file;
  add_shape(file, shape, type);
  const uint32_t vocabulary = add_vocabulary(file, shape.vocabulary);
  file.add_key("llama.vocab_size", vocabulary);
  add_weights(file, shape, vocabulary, type);
  auto written = file.write(words[1]);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return 1;
}

}  // namespace vgpu::ollama

int main(int count, char** words) { return vgpu::ollama::write_tiny_gguf(count, words); }
