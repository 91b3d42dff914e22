// SPDX-License-Identifier: Apache-2.0
// Clients that want what other programs have exported, or more exports than there are.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/soft_share.h"
#include "tests/host/hostile_client.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;
namespace spec = vgpu::api::spec;

namespace {

constexpr size_t kBytes = 1 << 20;
constexpr size_t kShareable = 2 << 20;

RawClient attacker_with_context(Scene& scene) {
  RawClient client = scene.attacker();
  REQUIRE(client.retain_context());
  return client;
}

CUresult export_memory(RawClient& client, uint64_t address, CUipcMemHandle& handle) {
  return client.row(spec::cuIpcGetMemHandle, &handle, static_cast<CUdeviceptr>(address));
}

CUresult open_memory(RawClient& client, const CUipcMemHandle& handle) {
  CUdeviceptr address = 0;
  return client.row(spec::cuIpcOpenMemHandle_v2, &address, handle, unsigned{CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS});
}

wire::SharedName name_in(const CUipcMemHandle& handle) {
  wire::SharedName name = {};
  std::memcpy(&name, &handle, sizeof name);
  return name;
}

CUipcMemHandle handle_of(const wire::SharedName& name) {
  CUipcMemHandle handle = {};
  std::memcpy(&handle, &name, sizeof name);
  return handle;
}

// A handle of memory that can be exported as a descriptor.
uint64_t create_memory(RawClient& client) {
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  CUmemGenericAllocationHandle handle = 0;
  const CUresult status = client.row(spec::cuMemCreate, &handle, size_t{kShareable},
                                     static_cast<const CUmemAllocationProp*>(&properties), 0ull);
  return status == CUDA_SUCCESS ? handle : 0;
}

Reply export_file(RawClient& client, uint64_t memory) {
  return client.call(op::cuMemExportToShareableHandle, pack(memory));
}

wire::SharedName name_in(const Reply& reply) {
  wire::SharedName name = {};
  if (reply.data.size() == sizeof name) std::memcpy(&name, reply.data.data(), sizeof name);
  return name;
}

// What the daemon answers to a client that has something kept with this file; -1 when it turns the client out.
int keep(RawClient& client, const wire::Token& token, std::initializer_list<int> files) {
  wire::ControlMessage message = {};
  message.type = wire::Control::keep;
  message.id = 77;
  std::memcpy(message.text, &token, sizeof token);
  REQUIRE(send_control(client.socket(), message, files) == Delivery::sent);
  const Incoming answer = receive_control(client.socket(), 0);
  const bool is_answer =
      answer.receipt == Receipt::message && answer.message.type == wire::Control::done && answer.message.id == 77;
  return is_answer ? answer.message.result : -1;
}

// Becomes another user while it exists, for the sockets that are connected meanwhile.
class OtherUser {
 public:
  OtherUser() { changed_ = ::seteuid(12345) == 0; }
  ~OtherUser() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool changed_ = false;
};

}  // namespace

TEST_CASE("what one program exports, another one of the same user opens", "[hostile]") {
  Scene scene;
  {
    RawClient exporter = attacker_with_context(scene), importer = attacker_with_context(scene);
    CUipcMemHandle handle = {};
    REQUIRE(export_memory(exporter, exporter.allocate(kBytes), handle) == CUDA_SUCCESS);
    CHECK(open_memory(importer, handle) == CUDA_SUCCESS);
    const wire::SharedName name = name_in(export_file(exporter, create_memory(exporter)));
    CHECK(importer.call(op::cuMemImportFromShareableHandle, pack(name)).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a program of another user opens nothing, whatever it knows", "[hostile]") {
  if (::geteuid() != 0) SKIP("needs root, to be two users");
  TestDaemon daemon({}, {"--socket-mode", "0666"});
  REQUIRE(::chmod(daemon.socket().substr(0, daemon.socket().rfind('/')).c_str(), 0755) == 0);
  RawClient exporter(daemon.socket());
  REQUIRE(exporter.retain_context());
  CUipcMemHandle handle = {};
  REQUIRE(export_memory(exporter, exporter.allocate(kBytes), handle) == CUDA_SUCCESS);
  const wire::SharedName name = name_in(export_file(exporter, create_memory(exporter)));
  std::unique_ptr<RawClient> other;
  {
    const OtherUser user;
    other = std::make_unique<RawClient>(daemon.socket());
  }
  REQUIRE(other->is_open());
  REQUIRE(other->retain_context());
  CHECK(open_memory(*other, handle) == CUDA_ERROR_INVALID_VALUE);
  CHECK(other->call(op::cuMemImportFromShareableHandle, pack(name)).result == CUDA_ERROR_INVALID_VALUE);
  RawClient same(daemon.socket());
  REQUIRE(same.retain_context());
  CHECK(open_memory(same, handle) == CUDA_SUCCESS);
}

TEST_CASE("no handle says anything of the host, and none that the host's driver knows is taken", "[hostile]") {
  Scene scene;
  {
    RawClient exporter = attacker_with_context(scene), importer = attacker_with_context(scene);
    CUipcMemHandle handle = {};
    REQUIRE(export_memory(exporter, exporter.allocate(kBytes), handle) == CUDA_SUCCESS);
    // What is not the token is known beforehand.
    wire::SharedName expected = {wire::kSharedNameMagic, name_in(handle).token, wire::ShareKind::memory, 0};
    const CUipcMemHandle plain = handle_of(expected);
    CHECK(std::memcmp(&plain, &handle, sizeof handle) == 0);
    // The software GPU's own bytes: any process, any descriptor.
    for (const pid_t worker : scene.daemon.workers())
      for (int file = 0; file < 40; ++file) {
        SoftShare share = {};
        share.magic = kSoftMemoryMagic, share.size = 4096, share.pid = worker, share.file = file;
        CUipcMemHandle forged = {};
        std::memcpy(&forged, &share, sizeof share);
        REQUIRE(open_memory(importer, forged) == CUDA_ERROR_INVALID_VALUE);
      }
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a name is good only for what it names", "[hostile]") {
  Scene scene;
  {
    RawClient exporter = attacker_with_context(scene), importer = attacker_with_context(scene);
    CUipcMemHandle handle = {};
    REQUIRE(export_memory(exporter, exporter.allocate(kBytes), handle) == CUDA_SUCCESS);
    const wire::SharedName memory = name_in(handle);
    const wire::SharedName file = name_in(export_file(exporter, create_memory(exporter)));
    for (uint32_t kind = 0; kind < 8; ++kind)
      for (wire::SharedName name : {memory, file}) {
        if (static_cast<uint32_t>(name.kind) == kind) continue;
        name.kind = static_cast<wire::ShareKind>(kind);
        CHECK(open_memory(importer, handle_of(name)) == CUDA_ERROR_INVALID_VALUE);
        CHECK(importer.call(op::cuMemImportFromShareableHandle, pack(name)).result == CUDA_ERROR_INVALID_VALUE);
        CHECK(importer.call(op::cuMemPoolImportFromShareableHandle, pack(name)).result != CUDA_SUCCESS);
      }
    CUevent event = nullptr;
    CUipcEventHandle as_event = {};
    std::memcpy(&as_event, &handle, sizeof handle);
    CHECK(importer.row(spec::cuIpcOpenEventHandle, &event, as_event) == CUDA_ERROR_INVALID_HANDLE);
    wire::SharedName guessed = memory;
    for (int i = 0; i < 200; ++i) {
      guessed.token.word[i % 2] += 1;
      REQUIRE(open_memory(importer, handle_of(guessed)) == CUDA_ERROR_INVALID_VALUE);
    }
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("exports end with what was exported, and with their session", "[hostile]") {
  Scene scene;
  {
    RawClient importer = attacker_with_context(scene);
    CUipcMemHandle freed = {}, orphan = {};
    {
      RawClient exporter = attacker_with_context(scene);
      const uint64_t address = exporter.allocate(kBytes);
      REQUIRE(export_memory(exporter, address, freed) == CUDA_SUCCESS);
      REQUIRE(export_memory(exporter, exporter.allocate(kBytes), orphan) == CUDA_SUCCESS);
      REQUIRE(exporter.row(spec::cuMemFree_v2, static_cast<CUdeviceptr>(address)) == CUDA_SUCCESS);
      CHECK(open_memory(importer, freed) == CUDA_ERROR_INVALID_VALUE);
      CHECK(open_memory(importer, orphan) == CUDA_SUCCESS);
    }
    CHECK(eventually([&] { return open_memory(importer, orphan) == CUDA_ERROR_INVALID_VALUE; }));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a kept export lives as long as its lifeline, whoever has that", "[hostile]") {
  Scene scene;
  {
    RawClient importer = attacker_with_context(scene);
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    UniqueFd lent(pair[0]), held(pair[1]);
    wire::SharedName kept = {}, plain = {};
    {
      RawClient exporter = attacker_with_context(scene);
      kept = name_in(export_file(exporter, create_memory(exporter)));
      plain = name_in(export_file(exporter, create_memory(exporter)));
      REQUIRE(keep(exporter, kept.token, {lent.get()}) == 0);
      lent.reset();
    }
    CHECK(eventually([&] {
      return importer.call(op::cuMemImportFromShareableHandle, pack(plain)).result == CUDA_ERROR_INVALID_VALUE;
    }));
    CHECK(importer.call(op::cuMemImportFromShareableHandle, pack(kept)).result == CUDA_SUCCESS);
    held.reset();
    CHECK(eventually([&] {
      return importer.call(op::cuMemImportFromShareableHandle, pack(kept)).result == CUDA_ERROR_INVALID_VALUE;
    }));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("nothing but one's own export is kept, and with nothing but a socket", "[hostile]") {
  Scene scene;
  {
    RawClient exporter = attacker_with_context(scene), other = attacker_with_context(scene);
    const wire::SharedName name = name_in(export_file(exporter, create_memory(exporter)));
    CUipcMemHandle handle = {};
    REQUIRE(export_memory(exporter, exporter.allocate(kBytes), handle) == CUDA_SUCCESS);
    int pair[2] = {-1, -1}, ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd lent(pair[0]), held(pair[1]), in(ends[0]), out(ends[1]);
    CHECK(keep(other, name.token, {lent.get()}) == ENOENT);
    CHECK(keep(exporter, {}, {lent.get()}) == ENOENT);
    CHECK(keep(exporter, name_in(handle).token, {lent.get()}) == ENOENT);
    CHECK(keep(exporter, name.token, {}) == EBADF);
    CHECK(keep(exporter, name.token, {lent.get(), held.get()}) == EBADF);
    CHECK(keep(exporter, name.token, {in.get()}) == EBADF);
    REQUIRE(keep(exporter, name.token, {lent.get()}) == 0);
    CHECK(keep(exporter, name.token, {lent.get()}) == EBUSY);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("nobody ends another program's export", "[hostile]") {
  Scene scene;
  {
    RawClient exporter = attacker_with_context(scene), other = attacker_with_context(scene);
    const wire::SharedName name = name_in(export_file(exporter, create_memory(exporter)));
    CHECK(other.call(wire::kWithdrawExport, pack(name.token)).result == CUDA_SUCCESS);
    CHECK(other.call(op::cuMemImportFromShareableHandle, pack(name)).result == CUDA_SUCCESS);
    CHECK(exporter.call(wire::kWithdrawExport, pack(name.token)).result == CUDA_SUCCESS);
    // The other's question may reach vgpud before the news.
    CHECK(eventually(
        [&] { return other.call(op::cuMemImportFromShareableHandle, pack(name)).result == CUDA_ERROR_INVALID_VALUE; }));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a program that exports without end is told to stop, and takes nothing from others", "[hostile]") {
  Scene scene;
  {
    RawClient client = attacker_with_context(scene);
    const uint64_t memory = create_memory(client);
    Reply last;
    int exports = 0;
    for (; exports < 5000; ++exports) {
      last = export_file(client, memory);
      if (!last.arrived || last.result != CUDA_SUCCESS) break;
    }
    CHECK(exports <= 4096);
    CHECK(last.result == CUDA_ERROR_OUT_OF_MEMORY);
    CHECK(RawClient(scene.daemon.socket()).is_open());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("short, long and empty messages about shared objects are malformed", "[hostile]") {
  Scene scene;
  {
    RawClient client = attacker_with_context(scene);
    const Bytes token = pack(uint64_t{1}, uint64_t{2});
    for (const Bytes& payload : {Bytes(), pack(uint32_t{1}), token + pack(uint8_t{0})}) {
      CHECK(client.call(wire::kWithdrawExport, payload).malformed());
      CHECK(client.call(op::cuMemExportToShareableHandle, payload).malformed());
      CHECK(client.call(op::cuMemImportFromShareableHandle, payload).malformed());
    }
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a client that speaks to the daemon as workers do is turned out", "[hostile]") {
  Scene scene;
  for (const wire::Control type : {wire::Control::offer, wire::Control::claim, wire::Control::withdraw}) {
    RawClient client = scene.attacker();
    wire::ControlMessage message = {};
    message.type = type;
    REQUIRE(send_control(client.socket(), message) == Delivery::sent);
    CHECK(eventually([&] { return receive_control(client.socket(), MSG_DONTWAIT).receipt == Receipt::closed; }));
  }
  CHECK(scene.damage() == "");
}
