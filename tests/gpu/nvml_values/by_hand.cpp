// SPDX-License-Identifier: Apache-2.0
// Questions whose arguments only documentation tells: handles, processes, fields, texts of errors, events.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/gpu/nvml_values/asking.h"
#include "tests/gpu/nvml_values/performance.h"

namespace vgpu::nvml_values {
namespace {

constexpr unsigned kRoom = 256;

std::string number(uint64_t value) { return std::to_string(value); }

// A call that writes one number of 32 or 64 bits.
void ask_number(Asking& asking, const char* name, bool of_device) {
  uint64_t value = 0;
  const int code =
      of_device ? asking.call(name, "", {word(asking.device()), word(&value)}) : asking.call(name, "", {word(&value)});
  asking.tell(name, "", code, code == 0 ? std::vector{number(value)} : std::vector<std::string>());
}

void ask_life(Asking& asking, const Family&) {
  unsigned count = 0;
  asking.tell("nvmlInit", "again", asking.call("nvmlInit", "", {}));
  asking.tell("nvmlInitWithFlags", "0", asking.call("nvmlInitWithFlags", "0", {0}));
  for (const char* often : {"first", "second", "third", "too often"})
    asking.tell("nvmlShutdown", often, asking.call("nvmlShutdown", often, {}));
  asking.tell("nvmlDeviceGetCount_v2", "after the end", asking.call("nvmlDeviceGetCount_v2", "", {word(&count)}));
  asking.tell("nvmlInit_v2", "anew", asking.call("nvmlInit_v2", "anew", {}));
  asking.tell("nvmlInitWithFlags", "no GPUs", asking.call("nvmlInitWithFlags", "1", {NVML_INIT_FLAG_NO_GPUS}));
}

// Whether a handle is the first device's.
void tell_handle(Asking& asking, const char* name, const std::string& text, Word argument) {
  nvmlDevice_t found = nullptr;
  const int code = asking.call(name, text, {argument, word(&found)});
  asking.tell(name, text, code,
              code == 0 ? std::vector{std::string(found == asking.device() ? "the first" : "another")}
                        : std::vector<std::string>());
}

void ask_handles(Asking& asking, const Family&) {
  char uuid[96] = "", serial[96] = "";
  nvmlPciInfo_t pci = {};
  unsigned count = 0;
  asking.call("nvmlDeviceGetUUID", "", {word(asking.device()), word(uuid), sizeof uuid});
  asking.call("nvmlDeviceGetSerial", "", {word(asking.device()), word(serial), sizeof serial});
  asking.call("nvmlDeviceGetPciInfo_v3", "", {word(asking.device()), word(&pci)});
  asking.call("nvmlDeviceGetCount_v2", "", {word(&count)});
  for (const char* name : {"nvmlDeviceGetHandleByIndex", "nvmlDeviceGetHandleByIndex_v2"}) {
    tell_handle(asking, name, "0", 0);
    tell_handle(asking, name, "too large", count);
  }
  for (const char* name : {"nvmlDeviceGetHandleByPciBusId", "nvmlDeviceGetHandleByPciBusId_v2"}) {
    tell_handle(asking, name, "its own", word(pci.busId));
    tell_handle(asking, name, "its own, short", word(pci.busIdLegacy));
    tell_handle(asking, name, "nobody's", word("0000:00:00.0"));
    tell_handle(asking, name, "another function", word("0000:f7:1e.3"));
  }
  tell_handle(asking, "nvmlDeviceGetHandleBySerial", "its own", word(serial));
  tell_handle(asking, "nvmlDeviceGetHandleBySerial", "nobody's", word("0"));
  tell_handle(asking, "nvmlDeviceGetHandleByUUID", "its own", word(uuid));
  tell_handle(asking, "nvmlDeviceGetHandleByUUID", "nobody's", word("GPU-00000000-0000-0000-0000-000000000000"));
  nvmlUUID_t as_text = {nvmlUUID_v1, NVML_UUID_TYPE_ASCII, {}};
  std::memcpy(as_text.value.str, uuid, sizeof as_text.value.str - 1);
  tell_handle(asking, "nvmlDeviceGetHandleByUUIDV", "its own", word(&as_text));
  nvmlUUID_t zeros = {nvmlUUID_v1, NVML_UUID_TYPE_BINARY, {}};
  tell_handle(asking, "nvmlDeviceGetHandleByUUIDV", "nobody's bytes", word(&zeros));
  as_text.type = 7;
  tell_handle(asking, "nvmlDeviceGetHandleByUUIDV", "unknown type", word(&as_text));
  ask_number(asking, "nvmlDeviceGetIndex", true);
}

void ask_counts(Asking& asking, const Family&) {
  for (const char* name : {"nvmlGetBlacklistDeviceCount", "nvmlGetExcludedDeviceCount", "nvmlUnitGetCount"})
    ask_number(asking, name, false);
}

void ask_slices(Asking& asking, const Family&) {
  ask_number(asking, "nvmlDeviceIsMigDeviceHandle", true);
  ask_number(asking, "nvmlDeviceGetAccountingMode", true);
  nvmlDevice_t found = nullptr;
  const char* const name = "nvmlDeviceGetMigDeviceHandleByIndex";
  asking.tell(name, "0", asking.call(name, "0", {word(asking.device()), 0, word(&found)}));
}

void ask_topology(Asking& asking, const Family&) {
  const char* const name = "nvmlDeviceGetTopologyNearestGpus";
  for (const unsigned level : {0u, 10u, 20u, 30u, 40u, 50u}) {
    unsigned count = 0;
    const int code = asking.call(name, number(level), {word(asking.device()), level, word(&count), 0});
    asking.tell(name, number(level), code, {"n=" + number(count)});
  }
}

void ask_states(Asking& asking, const Family&) {
  const char* const name = "nvmlDeviceGetSupportedPerformanceStates";
  for (const unsigned bytes : {64u, 0u}) {
    nvmlPstates_t states[16] = {};
    const int code = asking.call(name, number(bytes), {word(asking.device()), word(states), bytes});
    asking.tell(name, number(bytes), code, {shown(std::as_bytes(std::span(states)), 4)});
  }
}

void ask_processes(Asking& asking, const Family&) {
  const char* name = "nvmlDeviceGetProcessUtilization";
  nvmlProcessUtilizationSample_t samples[kRoom] = {};
  unsigned count = 0;
  int code = asking.call(name, "no room", {word(asking.device()), 0, word(&count), 0});
  asking.tell(name, "no room", code, {"n=" + number(count)});
  count = kRoom;
  code = asking.call(name, "room", {word(asking.device()), word(samples), word(&count), 0});
  asking.tell(name, "room", code, {"n=" + number(code == 0 ? count : 0)});

  name = "nvmlDeviceGetProcessesUtilizationInfo";
  nvmlProcessUtilizationInfo_v1_t places[kRoom] = {};
  nvmlProcessesUtilizationInfo_t all = {nvmlProcessesUtilizationInfo_v1, kRoom, 0, places};
  code = asking.call(name, "room", {word(asking.device()), word(&all)});
  asking.tell(name, "room", code, {"n=" + number(code == 0 ? all.processSamplesCount : 0)});

  name = "nvmlDeviceGetRunningProcessDetailList";
  for (const unsigned mode : {0u, 1u, 2u, 3u}) {
    nvmlProcessDetail_v1_t details[kRoom] = {};
    nvmlProcessDetailList_t list = {nvmlProcessDetailList_v1, mode, kRoom, details};
    code = asking.call(name, "mode " + number(mode), {word(asking.device()), word(&list)});
    asking.tell(name, "mode " + number(mode), code, {"n=" + number(code == 0 ? list.numProcArrayEntries : 0)});
  }

  name = "nvmlSystemGetProcessName";
  char own[kRoom] = "";
  code = asking.call(name, "own", {static_cast<Word>(::getpid()), word(own), sizeof own});
  const char* const slash = std::strrchr(own, '/');
  asking.tell(name, "own", code, {quoted(slash != nullptr ? slash + 1 : own)});
  asking.tell(name, "nobody", asking.call(name, "nobody", {0x7ffffff0, word(own), sizeof own}));
}

// Of every field and scope that there may be.
void ask_fields(Asking& asking, const Family&) {
  constexpr unsigned kFields = 300, kScopes = 2;
  const char* const name = "nvmlDeviceGetFieldValues";
  for (unsigned scope = 0; scope < kScopes; ++scope)
    for (unsigned id = 0; id < kFields; ++id) {
      nvmlFieldValue_t field = {};
      field.fieldId = id;
      field.scopeId = scope;
      const std::string text = number(id) + "," + number(scope);
      const int code = asking.call(name, text, {word(asking.device()), 1, word(&field)});
      std::vector<std::string> values = {"field " + number(field.nvmlReturn)};
      if (code == 0 && field.nvmlReturn == NVML_SUCCESS) {
        values.push_back("type " + number(field.valueType) +
                         (field.timestamp != 0 ? " with a time" : " without a time"));
        values.push_back(value_of(field.valueType, field.value));
      }
      asking.tell(name, text, code, values);
    }
  nvmlFieldValue_t none = {};
  asking.tell(name, "none", asking.call(name, "none", {word(asking.device()), 0, word(&none)}));
}

void ask_errors(Asking& asking, const Family&) {
  using Text = const char* (*)(int);
  const char* const name = "nvmlErrorString";
  const auto text_of = reinterpret_cast<Text>(asking.find(name));
  if (text_of == nullptr) return asking.tell(name, "", NVML_ERROR_FUNCTION_NOT_FOUND);
  for (const int code : {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,  15,  16,   17,
                         18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 998, 999, 1000, -1})
    asking.tell(name, std::to_string(code), 0, {quoted(text_of(code))});
}

void ask_events(Asking& asking, const Family&) {
  unsigned long long types = 0;
  nvmlEventSet_t set = nullptr;
  asking.call("nvmlDeviceGetSupportedEventTypes", "", {word(asking.device()), word(&types)});
  asking.tell("nvmlEventSetCreate", "", asking.call("nvmlEventSetCreate", "", {word(&set)}));
  for (int bit = 0; bit < 32; ++bit) {
    const Word type = Word{1} << bit;
    asking.tell("nvmlDeviceRegisterEvents", number(type),
                asking.call("nvmlDeviceRegisterEvents", number(type), {word(asking.device()), type, word(set)}));
  }
  nvmlEventData_t data = {};
  asking.tell("nvmlEventSetWait", "0 ms", asking.call("nvmlEventSetWait", "0 ms", {word(set), word(&data), 0}));
  asking.tell("nvmlEventSetWait_v2", "5 ms", asking.call("nvmlEventSetWait_v2", "5 ms", {word(set), word(&data), 5}));
  asking.tell("nvmlEventSetFree", "", asking.call("nvmlEventSetFree", "", {word(set)}));
}

}  // namespace

std::vector<Family> families_by_hand() {
  std::vector<Family> all = {{"handles", &ask_handles},   {"counts", &ask_counts}, {"slices", &ask_slices},
                             {"topology", &ask_topology}, {"states", &ask_states}, {"processes", &ask_processes},
                             {"fields", &ask_fields},     {"errors", &ask_errors}, {"events", &ask_events}};
  const std::vector<Family> performance = families_of_performance();
  all.insert(all.end(), performance.begin(), performance.end());
  // Handles are not the same ones afterwards.
  all.push_back({"life", &ask_life});
  return all;
}

}  // namespace vgpu::nvml_values
