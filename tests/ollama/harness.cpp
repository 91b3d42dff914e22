// SPDX-License-Identifier: Apache-2.0
// ollama-harness: does with a prebuilt ggml CUDA backend what Ollama does, in parts that scripts put in order.
//   ollama-harness probe                      questions to libcuda.so.1 and libnvidia-ml.so.1
//   ollama-harness symbols LIBRARY NAME...    which of the names the library lacks
//   ollama-harness runtime LIBRARY            devices that this CUDA runtime sees
//   ollama-harness cublas                     a cuBLAS handle is made
//   ollama-harness list --backend DIR         devices of the loaded backends
//   ollama-harness product --backend DIR --type TYPE    a matrix times a vector on both backends, and as it should be
//   ollama-harness generate --backend DIR --model FILE [--device cpu|cuda] [--tokens N] ...
//   ollama-harness serve --backend DIR --model FILE     answers each line of its input, a prompt, with a JSON string
//   ollama-harness compare FILE FILE          logits of two runs: the largest difference and its place
// Exit status: 0 done, 1 failed, 2 bad arguments. With --json one object on standard output.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/ollama/generate.h"
#include "tests/ollama/probe.h"
#include "tests/ollama/product.h"

namespace vgpu::ollama {
namespace {

using nlohmann::json;

struct Options {
  std::string backend, device = "cuda", logits_file, type = "q4_0", runtime, cpu;
  std::vector<std::string> compared, symbols;
  double tolerance = 1e-2;
  Request request;
  int rounds = 1;
  bool as_json = false, verbose = false;
};

// FNV-1a over the bits: equal runs print equal digests.
std::string digest(const std::vector<float>& values) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (size_t i = 0; i < values.size() * sizeof(float); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

void print(const Options& options, const json& object) {
  if (options.as_json) {
    std::printf("%s\n", object.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  for (const auto& [key, value] : object.items()) {
    std::printf("%-16s %s\n", key.c_str(), value.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  }
}

Result<json> run_probe() {
  const Probe probe = TRY(probe_driver());
  json devices = json::array();
  for (const ProbedDevice& one : probe.devices) {
    devices.push_back({{"name", one.name},
                       {"compute", std::to_string(one.major) + "." + std::to_string(one.minor)},
                       {"integrated", one.integrated},
                       {"total", one.total_bytes},
                       {"pci_id", one.pci_id},
                       {"uuid", one.uuid}});
  }
  auto nvml = probe_nvml(probe.devices);
  return json{{"driver", probe.driver_version},
              {"runtime_table", probe.has_runtime_table},
              {"devices", devices},
              {"nvml", nvml ? json(nvml->version) : json(nullptr)},
              {"nvml_totals", nvml ? json(nvml->totals) : json(nullptr)},
              {"nvml_error", nvml ? json(nullptr) : json(nvml.error().message)}};
}

Result<json> run_symbols(const Options& options) {
  const std::vector<std::string> names(options.symbols.begin() + 1, options.symbols.end());
  const std::vector<std::string> missing = TRY(find_missing(options.symbols[0], names));
  if (!missing.empty()) return Error{"missing: " + json(missing).dump()};
  return json{{"library", options.symbols[0]}, {"found", names.size()}};
}

Result<json> run_runtime(const Options& options) {
  const int count = TRY(count_by_runtime(options.runtime));
  if (count == 0) return Error{options.runtime + " sees no device"};
  return json{{"runtime", options.runtime}, {"devices", count}};
}

Result<json> run_cublas() {
  TRY(probe_cublas());
  return json{{"cublas", "made and destroyed"}};
}

Result<json> run_list(const Options& options) {
  const Session session = TRY(Session::create(options.backend, options.device == "cuda", options.verbose));
  json devices = json::array();
  for (const BackendDevice& one : session.devices()) {
    devices.push_back({{"name", one.name},
                       {"description", one.description},
                       {"type", one.type},
                       {"free", one.free_bytes},
                       {"total", one.total_bytes}});
  }
  return json{{"devices", devices}};
}

Result<json> run_generate(const Options& options) {
  const Session session = TRY(Session::create(options.backend, options.device == "cuda", options.verbose, options.cpu));
  json free = json::array(), digests = json::array();
  Answer answer;
  for (int round = 0; round < options.rounds; ++round) {
    answer = TRY(session.generate(options.request));
    free.push_back({answer.free_before, answer.free_loaded, answer.free_after});
    digests.push_back(digest(answer.logits));
  }
  if (!options.logits_file.empty()) {
    std::ofstream file(options.logits_file, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(answer.logits.data()),
               static_cast<std::streamsize>(answer.logits.size() * sizeof(float)));
    if (!file.flush()) return Error::from_errno("cannot write " + options.logits_file);
  }
  return json{{"prompt_tokens", answer.prompt_tokens},
              {"tokens", answer.tokens},
              {"text", answer.text},
              {"logits", digests},
              {"notes", answer.notes},
              {"free", free},
              {"seconds", {answer.load_seconds, answer.prompt_seconds, answer.token_seconds}}};
}

// What a runner of Ollama's does, in lines instead of requests.
Result<json> run_serve(const Options& options) {
  const Session session = TRY(Session::create(options.backend, options.device == "cuda", options.verbose, options.cpu));
  int answered = 0;
  TRY(session.serve(
      options.request, [](std::string& prompt) { return static_cast<bool>(std::getline(std::cin, prompt)); },
      [&answered](const Answer& answer) {
        ++answered;
        std::printf("%s\n", json(answer.text).dump(-1, ' ', true, json::error_handler_t::replace).c_str());
        std::fflush(stdout);
      }));
  return json{{"answered", answered}};
}

// Between a backend and its own rounding there may be the order of additions, and no more.
Result<json> run_product(const Options& options) {
  constexpr double kOrderOfAdditions = 1e-5;
  ProductRequest request{options.backend};
  if (!parse_weight_type(options.type, request.type)) return Error{options.type + ": no such type"};
  if (request.type == WeightType::f32 || request.type == WeightType::f16)
    return Error{"only types of blocks are rounded"};
  const Session session = TRY(Session::create(options.backend, true, options.verbose));
  const ProductReport report = TRY(compare_products(session, request));
  const json result{{"widest", report.widest},
                    {"cpu_from_cuda", report.cpu_from_cuda},
                    {"cpu_from_exact", report.cpu_from_exact},
                    {"cuda_from_exact", report.cuda_from_exact},
                    {"cpu_from_rounding", report.cpu_from_rounding},
                    {"cuda_from_rounding", report.cuda_from_rounding}};
  const double unexplained = std::max(report.cpu_from_rounding, report.cuda_from_rounding);
  if (!(unexplained <= kOrderOfAdditions * report.widest))
    return Error{"rounding does not explain it: " + result.dump()};
  return result;
}

Result<std::vector<float>> read_logits(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.empty() || bytes.size() % sizeof(float) != 0) return Error{path + ": no logits"};
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// Numbers are compared with the widest one: that is what decides whether another token could have been chosen.
Result<json> run_compare(const Options& options) {
  const std::vector<float> left = TRY(read_logits(options.compared[0]));
  const std::vector<float> right = TRY(read_logits(options.compared[1]));
  if (left.size() != right.size()) return Error{"runs of different length"};
  double difference = 0, widest = 0;
  size_t place = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    if (!std::isfinite(left[i]) || !std::isfinite(right[i])) return Error{"a number that is not finite"};
    widest = std::max(widest, std::abs(double{left[i]}));
    if (std::abs(double{left[i]} - double{right[i]}) <= difference) continue;
    difference = std::abs(double{left[i]} - double{right[i]});
    place = i;
  }
  const json result{{"numbers", left.size()}, {"difference", difference}, {"place", place}, {"widest", widest}};
  if (difference > options.tolerance * widest) return Error{"too far apart: " + result.dump()};
  return result;
}

int report(const Options& options, Result<json> result) {
  if (result) {
    print(options, *result);
    return 0;
  }
  std::fprintf(stderr, "ollama-harness: %s\n", result.error().message.c_str());
  return 1;
}

}  // namespace

int run(int count, char** words) {
  CLI::App app("drives a prebuilt ggml CUDA backend as Ollama does");
  Options options;
  app.require_subcommand(1);
  app.add_flag("--json", options.as_json, "one JSON object");
  app.add_flag("--verbose", options.verbose, "the libraries' log on standard error");
  CLI::App* probe = app.add_subcommand("probe", "questions to the driver");
  CLI::App* symbols = app.add_subcommand("symbols", "which names a library lacks");
  symbols->add_option("names", options.symbols, "the library, then names")->required()->expected(2, 10000);
  CLI::App* runtime = app.add_subcommand("runtime", "how many devices a CUDA runtime sees");
  runtime->add_option("library", options.runtime, "a libcudart.so.12 or .13")->required();
  CLI::App* cublas = app.add_subcommand("cublas", "a cuBLAS handle");
  CLI::App* list = app.add_subcommand("list", "devices of the backends");
  CLI::App* product = app.add_subcommand("product", "a matrix times a vector on both backends, and as it should be");
  product->add_option("--backend", options.backend, "directory of the prebuilt libraries")->required();
  product->add_option("--type", options.type, "of the matrix: q4_0, q8_0 or q4_k");
  CLI::App* generate = app.add_subcommand("generate", "loads a model and generates tokens greedily");
  CLI::App* serve = app.add_subcommand("serve", "loads a model and answers prompts from standard input");
  for (CLI::App* one : {list, generate, serve}) {
    one->add_option("--backend", options.backend, "directory of the prebuilt libraries")->required();
    one->add_option("--device", options.device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  }
  for (CLI::App* one : {generate, serve}) {
    one->add_option("--model", options.request.model, "GGUF file")->required();
    one->add_option("--tokens", options.request.tokens, "to generate");
  }
  generate->add_option("--cpu", options.cpu, "which CPU backend: haswell, x64, ...");
  generate->add_option("--prompt", options.request.prompt);
  generate->add_option("--repeat", options.request.prompt_repeats, "how often the prompt is repeated");
  generate->add_option("--chunk", options.request.chunk, "prompt tokens evaluated at once")->check(CLI::PositiveNumber);
  generate->add_option("--follow", options.request.follow, "tokens to go on with, instead of the chosen ones")
      ->delimiter(',');
  generate->add_option("--rounds", options.rounds, "loads, generates and unloads so often")->check(CLI::PositiveNumber);
  generate->add_option("--logits", options.logits_file, "file for the logits, 32-bit floats");
  CLI::App* compare = app.add_subcommand("compare", "logits of two runs");
  compare->add_option("files", options.compared)->required()->expected(2);
  compare->add_option("--tolerance", options.tolerance, "largest difference, as a part of the widest number");
  for (CLI::App* one : {probe, symbols, runtime, cublas, list, product, generate, serve, compare}) one->fallthrough();
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.request.offload = options.device == "cuda";
  if (probe->parsed()) return report(options, run_probe());
  if (symbols->parsed()) return report(options, run_symbols(options));
  if (runtime->parsed()) return report(options, run_runtime(options));
  if (cublas->parsed()) return report(options, run_cublas());
  if (product->parsed()) return report(options, run_product(options));
  if (compare->parsed()) return report(options, run_compare(options));
  if (serve->parsed()) return report(options, run_serve(options));
  return report(options, list->parsed() ? run_list(options) : run_generate(options));
}

}  // namespace vgpu::ollama

int main(int count, char** words) { return vgpu::ollama::run(count, words); }
