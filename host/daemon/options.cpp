// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>

#include "common/version.h"
#include "host/device/pci_config.h"

namespace vgpu::host {
namespace {

constexpr int kLastFile = std::numeric_limits<int>::max();
constexpr const char* kDescription =
    "vgpud gives a VM a GPU (--vm), or the programs of this machine (--socket): it starts one sandboxed vgpu-worker "
    "for "
    "each\n"
    "program, and the workers run the programs' CUDA calls on a CUDA driver of this machine.\n"
    "vgpu-run is the easy way to run a program here. docs/security.md says what is promised about isolation.\n"
    "\n"
    "A VM needs QEMU 10.1 or newer, started after vgpud, with shared memory and this device:\n"
    "  -machine memory-backend=m0 -object memory-backend-memfd,id=m0,size=4G,share=on\n"
    "  -device pcie-root-port,id=rp0,chassis=1,slot=1\n"
    "  -device "
    "'{\"driver\":\"vfio-user-pci\",\"bus\":\"rp0\",\"rombar\":0,\"socket\":{\"type\":\"unix\",\"path\":\"PATH\"}}'";
constexpr const char* kFooter =
    "Signals: SIGTERM, SIGINT and SIGHUP end the daemon and its workers; programs then see a CUDA error.\n"
    "Exit status: 0 after an orderly end, 1 when it cannot start, 2 for a mistake on the command line.\n"
    "Under systemd, readiness and end are announced (Type=notify).";

// CLI11 takes an empty text for success.
template <class T>
std::string complaint(const Result<T>& parsed) {
  return parsed ? std::string() : parsed.error().message;
}

std::optional<log::Level> level_of(std::string_view name) {
  constexpr std::string_view kNames[] = {"off", "error", "warn", "info", "debug"};
  for (int i = 0; i < 5; ++i)
    if (name == kNames[i]) return static_cast<log::Level>(i);
  return std::nullopt;
}

void add_options(CLI::App& app, Options& options, std::string& memory_limit, std::string& mode,
                 std::string& level_name) {
  app.add_option("--vm", options.vm_socket, "serve one VM: listen on this Unix socket for QEMU (vfio-user)")
      ->type_name("PATH");
  app.add_option("--socket", options.socket, "serve programs of this machine: listen on this Unix socket")
      ->type_name("PATH");
  app.add_option("--socket-mode", mode, "permissions of the socket, octal; 0660 lets its group in (default 0600)")
      ->type_name("MODE")
      ->check(CLI::Validator(
          [](std::string& text) {
            return text.size() <= 4 && text.find_first_not_of("01234567") == std::string::npos && !text.empty()
                       ? std::string()
                       : "'" + text + "' is not an octal mode such as 0600";
          },
          ""));
  app.add_option("--driver", options.driver,
                 "soft: the software GPU; nvidia: NVIDIA's libcuda.so.1; auto: NVIDIA's if it finds a GPU, else soft;\n"
                 "or the path of a CUDA driver library (default auto)")
      ->type_name("NAME|PATH");
  app.add_option("--gpu", options.gpu,
                 "the only GPU that programs get, and whose PCI identity the VM's device has: its number, UUID\n"
                 "(GPU-...) or PCI address (default: all; the first one's identity)")
      ->type_name("GPU");
  app.add_option("--pci-id", options.pci_identity,
                 "PCI identity of the VM's device, VENDOR:DEVICE[:CLASS[:REVISION]] in hexadecimal (default: the host\n"
                 "GPU's, or 10de:1eb8:030200:a1 for the software GPU)")
      ->type_name("ID")
      ->check(CLI::Validator([](std::string& text) { return complaint(parse_identity(text)); }, ""));
  app.add_option("--metrics", options.metrics,
                 "answer Prometheus on this Unix socket (a path with a slash), or on a port of this machine:\n"
                 "127.0.0.1:PORT or [::1]:PORT (default: not at all)")
      ->type_name("PATH|ADDRESS");
  app.add_option("--memory-limit", memory_limit, "device memory for all programs together, for example 4G or 512MiB")
      ->type_name("SIZE")
      ->check(CLI::Validator([](std::string& text) { return complaint(parse_size(text)); }, ""));
  app.add_option("--max-sessions", options.max_sessions, "programs at a time (default 256)")
      ->type_name("N")
      ->check(CLI::Range(1u, 65536u).description(""));
  app.add_option("--prestart", options.prestart, "workers kept ready for programs to come (default 0)")
      ->type_name("N")
      ->check(CLI::Range(0u, 64u).description(""));
  app.add_option(
         "--ready-contexts", options.ready_contexts,
         "of these workers, how many make the first GPU's primary context beforehand, which is most of a small\n"
         "program's start; each takes some 500 MiB of device memory while it waits (default 0)")
      ->type_name("N")
      ->check(CLI::Range(0u, 64u).description(""));
  app.add_option("--worker", options.worker, "the worker's executable (default: vgpu-worker beside vgpud)")
      ->type_name("PATH");
  app.add_option("--log", level_name, "off, error, warn, info or debug (default warn, or $VGPU_LOG)")
      ->type_name("LEVEL")
      ->check(CLI::Validator(
          [](std::string& text) {
            return level_of(text) ? std::string() : "'" + text + "' is not off, error, warn, info or debug";
          },
          ""));
  app.add_option("--ready-fd", options.ready_fd, "write a newline to this descriptor when listening")
      ->type_name("N")
      ->check(CLI::Range(0, kLastFile).description(""));
  app.add_option("--lifeline-fd", options.lifeline_fd,
                 "end when the other side of this pipe closes, and remove the socket's directory if it is then empty")
      ->type_name("N")
      ->check(CLI::Range(0, kLastFile).description(""));
  app.add_flag_callback(
      "--no-code-cache", [&options] { options.code_cache = false; },
      "let NVIDIA's driver compile PTX anew in each program, instead of once for all programs of this vgpud");
  app.add_flag_callback(
      "--no-launch-graphs", [&options] { options.launch_graphs = false; },
      "give each launch of a kernel to the driver by itself, also where a program repeats them; for debugging");
  app.add_flag_callback(
      "--no-sandbox", [&options] { options.sandbox = false; },
      "start workers without their sandbox; for debugging only");
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  const Error bad = {"'" + std::string(text) + "' is not a size such as 4G, 512MiB or 1048576"};
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number == 0) return bad;
  std::string_view suffix = text.substr(static_cast<size_t>(end - text.data()));
  if (suffix.empty()) return number;
  const size_t power = std::string_view("KMGT").find(static_cast<char>(suffix.front() & ~0x20));
  if (power == std::string_view::npos) return bad;
  suffix.remove_prefix(1);
  if (!suffix.empty() && suffix != "B" && suffix != "iB") return bad;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(number, uint64_t{1} << (10 * (power + 1)), &bytes)) return bad;
  return bytes;
}

std::variant<Options, int> parse_options(int argc, char** argv) {
  CLI::App app(kDescription, "vgpud");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("vgpud ") + kVersion);
  Options options;
  std::string memory_limit, mode, level_name;
  add_options(app, options, memory_limit, mode, level_name);
  // CLI11 speaks in exceptions; none leaves this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.socket.empty() && options.vm_socket.empty()) {
    std::fprintf(stderr, "vgpud: --vm PATH or --socket PATH is needed; vgpud --help says more\n");
    return 2;
  }
  options.prestart = std::max(options.prestart, options.ready_contexts);
  if (options.socket == options.vm_socket) {
    std::fprintf(stderr, "vgpud: --vm and --socket need a path each\n");
    return 2;
  }
  if (const auto level = level_of(level_name)) log::set_level(*level);
  if (!memory_limit.empty()) options.memory_limit = parse_size(memory_limit).value();
  if (!mode.empty()) options.socket_mode = static_cast<mode_t>(std::stoul(mode, nullptr, 8) & 0777);
  return options;
}

}  // namespace vgpu::host
