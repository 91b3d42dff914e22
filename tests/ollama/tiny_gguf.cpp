// SPDX-License-Identifier: Apache-2.0
// tiny-gguf OUT TYPE [LAYERS]: writes a language model of the llama architecture with random weights of a fixed seed,
// small enough for a GPU that is a CPU: the same bytes every time. Its text is noise, so it shows that two runs compute
// the same, never what they mean. TYPE is that of all matrices: f16, q4_0, q8_0 or q4_k.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/ollama/gguf_file.h"

namespace vgpu::ollama {
namespace {

// Widths are multiples of 256, a block of Q4_K.
struct Shape {
  uint32_t embedding = 256, layers = 4, heads = 4, kv_heads = 2, feed_forward = 512, context = 2048;
  uint32_t head_width() const { return embedding / heads; }
};

// Gaussian enough: the sum of twelve uniform numbers less six has variance 1, and adding is exact everywhere.
class Random {
 public:
  float gaussian() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(next() >> 40) * 0x1p-24;
    return static_cast<float>(sum);
  }

 private:
  // Steele, Lea, Flood: splitmix64.
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t state_ = 20260101;
};

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

void add_vocabulary(GgufFile& file, uint32_t& size) {
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
  while (tokens.size() % 32 != 0) {
    tokens.push_back("<unused" + std::to_string(tokens.size()) + ">");
    types.push_back(kUnused);
  }
  size = static_cast<uint32_t>(tokens.size());
  file.add_key("tokenizer.ggml.model", "gpt2");
  file.add_key("tokenizer.ggml.pre", "gpt-2");
  file.add_key("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  file.add_key("tokenizer.ggml.token_type", std::span<const int32_t>(types));
  file.add_key("tokenizer.ggml.merges", std::span<const std::string>(merges));
  file.add_key("tokenizer.ggml.bos_token_id", begin);
  file.add_key("tokenizer.ggml.eos_token_id", begin + 1);
  file.add_key("tokenizer.ggml.add_bos_token", true);
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
    std::vector<float> values(in * out);
    const float scale = spread / std::sqrt(static_cast<float>(in));
    for (float& value : values) value = random_.gaussian() * scale;
    file_.add_tensor(name, std::vector<uint64_t>{in, out}, type_, values);
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
  // amplified from layer to layer; wide at the end, so that the best token is rarely a near tie.
  constexpr float kInside = 0.5f, kOutput = 4.0f;
  const uint64_t width = shape.embedding, kv_width = uint64_t{shape.kv_heads} * shape.head_width();
  Weights weights(file, type);
  weights.matrix("token_embd.weight", width, vocabulary, 1.0f);
  weights.norm("output_norm.weight", width);
  weights.matrix("output.weight", width, vocabulary, kOutput);
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
  Shape shape;
  WeightType type = WeightType::f16;
  if (count == 4) shape.layers = static_cast<uint32_t>(std::strtoul(words[3], nullptr, 10));
  if (count < 3 || count > 4 || !parse_weight_type(words[2], type) || shape.layers == 0) {
    std::fprintf(stderr, "usage: tiny-gguf OUT f32|f16|q4_0|q8_0|q4_k [LAYERS]\n");
    return 2;
  }
  GgufFile file;
  uint32_t vocabulary = 0;
  add_shape(file, shape, type);
  add_vocabulary(file, vocabulary);
  file.add_key("llama.vocab_size", vocabulary);
  add_weights(file, shape, vocabulary, type);
  auto written = file.write(words[1]);
  if (written) return 0;
  std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return 1;
}

}  // namespace vgpu::ollama

int main(int count, char** words) { return vgpu::ollama::write_tiny_gguf(count, words); }
