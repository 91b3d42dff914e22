// SPDX-License-Identifier: Apache-2.0
// vgpu-smi trace, of a program whose calls are known (caller.cpp), over vgpud and the software GPU.
#include <algorithm>
#include <iterator>
#include <map>

#include "common/codec/bytes.h"
#include "tests/smi/tool.h"
#include "tests/support/test.h"
#include "tools/vgpu_smi/trace/print.h"
#include "tools/vgpu_smi/trace/record.h"
#include "vgpu/trace.h"

using namespace vgpu;
using namespace vgpu::test;

namespace {

// A shell script that runs beside the caller, whose number is $CALLER.
Outcome beside_caller(const std::string& script) {
  return run_program({build() / "bin/vgpu-run", "--driver", "soft", "--", build() / "tests/smi/caller", "/bin/sh", "-c",
                      "smi=" + (build() / "bin/vgpu-smi").string() + "; " + script},
                     {});
}

std::vector<nlohmann::json> objects(const Outcome& ran) {
  std::vector<nlohmann::json> all;
  for (const std::string& line : ran.lines()) all.push_back(nlohmann::json::parse(line));
  return all;
}

// Without what follows the end of the last whole round: what a round makes and destroys fits together only then. Each
// begins with an allocation.
std::vector<nlohmann::json> whole_rounds(std::vector<nlohmann::json> calls) {
  const auto begins = [](const nlohmann::json& call) { return call["call"] == "cuMemAlloc_v2"; };
  const auto last = std::find_if(calls.rbegin(), calls.rend(), begins);
  calls.erase(last == calls.rend() ? calls.begin() : std::prev(last.base()), calls.end());
  return calls;
}

std::vector<std::byte> a_record(uint32_t more_bytes = 0) {
  std::vector<std::byte> texts, bytes;
  codec::Writer writer(texts);
  writer.string("cuMemAlloc_v2");
  writer.string("CUDA_SUCCESS");
  writer.put(uint32_t{1});
  writer.string("bytesize");
  writer.string("10\x1b[2J");
  writer.put(uint32_t{0});
  trace::Record record = {};
  record.bytes = static_cast<uint32_t>(sizeof record + texts.size()) + more_bytes;
  record.start = 1'500'000'000;
  record.duration = 2'500;
  codec::Writer all(bytes);
  all.put(record);
  all.bytes(texts.data(), texts.size());
  return bytes;
}

}  // namespace

TEST_CASE("a trace shows each call with its arguments, what came out, and how it ended", "[smi][trace]") {
  const Outcome ran = beside_caller("exec $smi trace $CALLER --json -c 80");
  REQUIRE(ran.status == 0);
  const auto calls = objects(ran);
  REQUIRE(calls.size() == 80);
  for (size_t i = 0; i < calls.size(); ++i) CHECK(calls[i]["number"] == i);
  std::map<std::string, nlohmann::json> seen, named;
  for (const auto& call : whole_rounds(calls)) {
    if (call["call"] == "cuLaunchKernel") named[call["arguments"]["grid"]] = call["arguments"]["kernel"];
    if (call["result"] == 0 || call["call"] != "cuMemFree_v2") seen[call["call"]] = call;
    else CHECK(call["result_name"] == "CUDA_ERROR_INVALID_VALUE");
  }
  CHECK(seen["cuMemAlloc_v2"]["arguments"]["bytesize"] == "4096");
  CHECK(seen["cuMemAlloc_v2"]["results"]["dptr"] == seen["cuMemFree_v2"]["arguments"]["dptr"]);
  CHECK(seen["cuMemsetD8_v2"]["arguments"]["N"] == "100");
  CHECK(seen["cuMemcpyHtoD_v2"]["arguments"]["ByteCount"] == "1");
  // Of a module, and of a library.
  CHECK(named ==
        std::map<std::string, nlohmann::json>{{"(2, 1, 1)", "\"nothing_to_do\""}, {"(3, 1, 1)", "\"nothing_to_do\""}});
  CHECK(seen["cuLaunchKernel"]["arguments"]["block"] == "(32, 1, 1)");
  CHECK(seen["cuLaunchKernel"]["posted"] == true);
  CHECK(seen["cuModuleLoadDataEx"]["arguments"]["image"].get<std::string>().ends_with(" bytes, text"));
  CHECK(seen["cuModuleLoadDataEx"]["results"]["module"] == seen["cuModuleUnload"]["arguments"]["hmod"]);
  CHECK(seen["cuLaunchHostFunc"]["arguments"]["hStream"] == "0x0");
  CHECK(seen["cuLaunchHostFunc"]["arguments"]["fn"].get<std::string>().starts_with("0x"));
  CHECK(seen["cuDestroyExternalSemaphore"]["result_name"] == "CUDA_ERROR_NOT_SUPPORTED");
  CHECK(seen["cuDestroyExternalSemaphore"]["posted"] == false);
  CHECK(seen["cuCtxSynchronize"]["duration_ns"] > 0);
}

TEST_CASE("a trace says what pools, textures, shared handles and memory of graphs are", "[smi][trace]") {
  std::map<std::string, nlohmann::json> seen;
  for (const auto& call : whole_rounds(objects(beside_caller("exec $smi trace $CALLER --json -c 80"))))
    seen[call["call"]] = call;
  const auto argument = [&](const char* call, const char* name) { return seen[call]["arguments"].value(name, ""); };
  const auto result = [&](const char* call, const char* name) { return seen[call]["results"].value(name, ""); };
  CHECK(argument("cuMemPoolCreate", "location") == "device 0");
  CHECK(argument("cuMemPoolCreate", "handleTypes") == "0x1");
  CHECK(argument("cuMemPoolExportToShareableHandle", "handle") == result("cuMemPoolCreate", "pool"));
  CHECK(argument("cuMemPoolImportFromShareableHandle", "name") == result("cuMemPoolExportToShareableHandle", "name"));
  CHECK(result("cuMemPoolImportFromShareableHandle", "handle").starts_with("0x"));
  CHECK(argument("cuTexObjectCreate", "resource").ends_with(", 4096 bytes, 1 of format 0x20"));
  CHECK(argument("cuTexObjectCreate", "address") == "clamp");
  CHECK(argument("cuTexObjectDestroy", "object") == result("cuTexObjectCreate", "texObject"));
  CHECK(argument("cuGraphAddMemAllocNode", "bytesize") == "512");
  CHECK(argument("cuGraphAddMemAllocNode", "location") == "device 0");
  CHECK(result("cuGraphAddMemAllocNode", "dptr").starts_with("0x"));
  for (const auto& [name, call] : seen) CHECK_FALSE(call["arguments"].contains("message"));
}

TEST_CASE("a trace can be of failures only, or of calls by name", "[smi][trace]") {
  const auto failures = objects(beside_caller("exec $smi trace $CALLER --json --errors -c 6"));
  REQUIRE(failures.size() == 6);
  for (const auto& call : failures) CHECK(call["result"] != 0);
  const Outcome launches = beside_caller("exec $smi trace $CALLER --name LaunchKernel -c 3");
  REQUIRE(launches.lines().size() == 3);
  for (const std::string& line : launches.lines()) CHECK(line.find("  cuLaunchKernel(f=0x") != std::string::npos);
}

TEST_CASE("a trace goes on until the program ends, and says so", "[smi][trace]") {
  // The caller ends with its command, which leaves the trace running.
  const Outcome ran = run_program(
      {build() / "bin/vgpu-run", "--driver", "soft", "--", "/bin/sh", "-c",
       "smi=" + (build() / "bin/vgpu-smi").string() + "; out=$(mktemp); " + (build() / "tests/smi/caller").string() +
           " /bin/sh -c \"$smi trace \\$CALLER >$out 2>&1 & echo \\$! >$out.pid; sleep 0.5\"; "
           "while kill -0 $(cat $out.pid) 2>/dev/null; do sleep 0.05; done; tail -n 1 $out; grep -c cuMemAlloc_v2 $out;"
           "rm -f $out $out.pid"},
      {});
  const Words lines = ran.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("has ended.") != std::string::npos);
  CHECK(std::stoi(lines[1]) > 5);
}

TEST_CASE("Ctrl-C ends a trace well, and another may begin", "[smi][trace]") {
  const Outcome ran = beside_caller(
      "timeout -s INT 0.3 $smi trace $CALLER >/dev/null 2>&1; echo $?; $smi trace $CALLER -c 1 2>/dev/null | wc -l;"
      "$smi trace $CALLER >/dev/null 2>&1 & one=$!; sleep 0.2; $smi trace $CALLER; echo $?; kill -KILL $one;"
      "sleep 2.2; $smi trace $CALLER -c 1 2>/dev/null | wc -l");
  // timeout's own status; the traced one is busy for a second client; a killed client's trace ends by itself.
  CHECK(ran.lines() == Words{"124", "1", "255", "1"});
  CHECK(ran.err.find("is being traced already") != std::string::npos);
}

TEST_CASE("a trace of no program of ours says why there is none", "[smi][trace]") {
  const Outcome idle = soft_smi({"trace", "1"});
  CHECK(idle.status == 6);
  CHECK(idle.err.find("Process 1 does not use the GPU now") != std::string::npos);
  const Outcome nobody = soft_smi({"trace", "4194303"});
  CHECK(nobody.status == 6);
  CHECK(nobody.err.find("There is no process 4194303") != std::string::npos);
  CHECK(soft_smi({"trace"}).status == 2);
  CHECK(soft_smi({"trace", "0"}).status == 2);
  const Outcome dead = vgpu::test::smi({"trace", "1"});
  CHECK(dead.status == 9);
  CHECK(dead.err.find("/nowhere/vgpud.sock") != std::string::npos);
}

TEST_CASE("a program that a trace starts is seen from its first call on, and gives its status", "[smi][trace]") {
  const std::string holder = build() / "tests/smi/holder";
  const Outcome ran = soft_smi({"trace", "--json", "--", holder, "4", "/bin/sh", "-c", "echo $HOLDER; exit 7"});
  CHECK(ran.status == 7);
  // The program's own output is its own.
  CHECK(ran.lines().size() == 1);
  std::vector<nlohmann::json> calls;
  std::istringstream lines(ran.err);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("{")) calls.push_back(nlohmann::json::parse(line));
  REQUIRE(calls.size() >= 3);
  for (size_t i = 0; i < calls.size(); ++i) CHECK(calls[i]["number"] == i);
  const auto seen = [&](const char* name) {
    return std::any_of(calls.begin(), calls.end(), [&](const auto& call) { return call["call"] == name; });
  };
  CHECK(seen("cuDevicePrimaryCtxRetain"));
  CHECK(seen("cuMemAlloc_v2"));
  CHECK(seen("cuMemsetD8_v2"));
}

TEST_CASE("a program that a trace starts ends as it would by itself", "[smi][trace]") {
  CHECK(soft_smi({"trace", "--", "/bin/sh", "-c", "kill -TERM $$"}).status == 143);
  CHECK(soft_smi({"trace", "--", "/nowhere/at/all"}).status == 127);
  CHECK(soft_smi({"trace", "--", "/etc/passwd"}).status == 126);
  const Outcome idle = soft_smi({"trace", "--", "/bin/true"});
  CHECK(idle.status == 0);
  CHECK(idle.err.find("itself did not use the GPU") != std::string::npos);
  CHECK(soft_smi({"trace", "--"}).status == 2);
  CHECK(soft_smi({"trace", "1", "--", "/bin/true"}).status == 2);
  const Outcome dead = vgpu::test::smi({"trace", "--", "/bin/echo", "started"});
  CHECK(dead.status == 9);
  CHECK(dead.out.empty());
}

TEST_CASE("a disk that is full costs the trace, not the program", "[smi][trace]") {
  const std::string caller = build() / "tests/smi/caller";
  const Outcome ran =
      soft_smi({"trace", "-o", "/dev/full", "--", caller, "/bin/sh", "-c", "sleep 0.3; echo done; exit 7"});
  CHECK(ran.status == 7);
  CHECK(ran.lines() == Words{"done"});
  CHECK(ran.err.find("not every call could be written to /dev/full") != std::string::npos);
}

TEST_CASE("vgpu-run writes a program's calls to a file", "[smi][trace]") {
  const std::string holder = build() / "tests/smi/holder";
  const Outcome ran =
      run_program({"/bin/sh", "-c",
                   "file=$(mktemp); " + (build() / "bin/vgpu-run").string() + " --driver soft --trace $file -- " +
                       holder + " 4 /bin/sh -c 'exit 5'; echo $?; grep -c cuMemAlloc_v2 $file; rm $file"},
                  {});
  CHECK(ran.lines() == Words{"5", "1"});
}

TEST_CASE("stats names the unsupported calls that were asked for", "[smi]") {
  const Outcome ran = beside_caller("sleep 0.2; $smi stats $CALLER; exec $smi stats --json");
  REQUIRE(ran.status == 0);
  CHECK(ran.out.find("cuDestroyExternalSemaphore ") != std::string::npos);
  const auto json = nlohmann::json::parse(ran.out.substr(ran.out.find("{\n")));
  CHECK(json["sessions"][0]["unsupported"]["cuDestroyExternalSemaphore"] > 0);
  CHECK(json["totals"]["unsupported"]["cuDestroyExternalSemaphore"] > 0);
  CHECK(json["sessions"][0]["answered_in_guest"] > 0);
}

TEST_CASE("records are put together from pieces, and their text cannot reach the terminal's controls", "[smi][trace]") {
  const std::vector<std::byte> record = a_record();
  vgpu::smi::RecordStream stream;
  for (size_t i = 0; i < record.size(); ++i) {
    CHECK_FALSE(stream.next());
    stream.add(std::span(record).subspan(i, 1));
  }
  const auto call = stream.next();
  REQUIRE(call);
  CHECK(vgpu::smi::trace_line(*call) == "    1.500000   0  cuMemAlloc_v2(bytesize=10?[2J) <2.5 us>\n");
  CHECK(vgpu::smi::trace_json(*call)["arguments"]["bytesize"] == "10?[2J");
  CHECK_FALSE(stream.next());
  CHECK_FALSE(stream.broken());
}

TEST_CASE("records that make no sense are not believed", "[smi][trace]") {
  const auto is_broken = [](std::vector<std::byte> bytes, uint32_t length) {
    std::memcpy(bytes.data(), &length, sizeof length);
    bytes.resize(2 * trace::kMaxRecord);
    vgpu::smi::RecordStream stream;
    stream.add(bytes);
    const bool none = !stream.next();
    return none && stream.broken();
  };
  const auto good = static_cast<uint32_t>(a_record().size());
  CHECK(is_broken(a_record(), 0));
  CHECK(is_broken(a_record(), sizeof(trace::Record) - 1));
  CHECK(is_broken(a_record(), trace::kMaxRecord + 1));
  CHECK(is_broken(a_record(), good - 1));
}
