// SPDX-License-Identifier: Apache-2.0
// Prints what cuGetProcAddress answers to every name that is given on standard input, for every CUDA version and every
// flag: name, version, flags, result, status, and the exported names of the function, or "none" or "internal". Whoever
// compares two drivers' answers (proc_addresses.py) has each name that they gave. CUDA driver API: Driver Entry Point
// Access. usage: proc_addresses < NAMES
#include <cuda.h>
#include <dlfcn.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

// Every release that introduced an ABI, a release between, and one that no driver has yet.
constexpr int kVersions[] = {0,     2000,  2010,  2020,  3000,  3010,  3020,  4000,  4010,  4020,  5000,
                             5050,  6000,  6050,  7000,  7050,  8000,  9000,  9010,  9020,  10000, 10010,
                             10020, 11000, 11010, 11020, 11030, 11040, 11050, 11060, 11070, 11080, 12000,
                             12010, 12020, 12030, 12040, 12050, 12060, 12070, 12080, 12090, 13000};
constexpr cuuint64_t kFlags[] = {CU_GET_PROC_ADDRESS_DEFAULT, CU_GET_PROC_ADDRESS_LEGACY_STREAM,
                                 CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM};

std::map<void*, std::string> exported_names(const std::vector<std::string>& names) {
  std::map<void*, std::string> by_address;
  for (const std::string& name : names)
    if (void* const address = ::dlsym(RTLD_DEFAULT, name.c_str())) {
      std::string& all = by_address[address];
      all += (all.empty() ? "" : ",") + name;
    }
  return by_address;
}

}  // namespace

int main() {
  std::vector<std::string> names;
  for (std::string name; std::getline(std::cin, name);)
    if (!name.empty()) names.push_back(name);
  if (const CUresult status = cuInit(0); status != CUDA_SUCCESS) {
    std::fprintf(stderr, "proc_addresses: cuInit: error %d\n", static_cast<int>(status));
    return 1;
  }
  const std::map<void*, std::string> exported = exported_names(names);
  for (const std::string& name : names)
    for (const int version : kVersions)
      for (const cuuint64_t flags : kFlags) {
        void* function = nullptr;
        CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SUCCESS;
        const CUresult status = cuGetProcAddress(name.c_str(), &function, version, flags, &found);
        const auto known = exported.find(function);
        const char* const symbol = function == nullptr       ? "none"
                                   : known == exported.end() ? "internal"
                                                             : known->second.c_str();
        std::printf("%s %d %llu %d %d %s\n", name.c_str(), version, static_cast<unsigned long long>(flags),
                    static_cast<int>(status), static_cast<int>(found), symbol);
      }
}
