// SPDX-License-Identifier: Apache-2.0
// Exit statuses. Scripts know them from nvidia-smi's manual, so their numbers and meanings are the same.
#pragma once

#include "tools/vgpu_smi/nvml_abi.h"

namespace vgpu::smi {

enum ExitCode : int {
  kSuccess = 0,
  kProblemsFound = 1,  // doctor only
  kBadArgument = 2,
  kNotAvailable = 3,  // not with this card
  kNoPermission = 4,
  kNotFound = 6,  // no such card
  kNoDriver = 9,
  kInterrupts = 10,
  kNoLibrary = 12,
  kNoFunction = 13,
  kCorruptInforom = 14,
  kLost = 15,
  kOther = 255,
};

inline ExitCode exit_code(nvmlReturn_t status) {
  switch (status) {
    case NVML_SUCCESS: return kSuccess;
    case NVML_ERROR_INVALID_ARGUMENT: return kBadArgument;
    case NVML_ERROR_NOT_SUPPORTED: return kNotAvailable;
    case NVML_ERROR_NO_PERMISSION: return kNoPermission;
    case NVML_ERROR_NOT_FOUND: return kNotFound;
    case NVML_ERROR_DRIVER_NOT_LOADED: return kNoDriver;
    case NVML_ERROR_IRQ_ISSUE: return kInterrupts;
    case NVML_ERROR_LIBRARY_NOT_FOUND: return kNoLibrary;
    case NVML_ERROR_FUNCTION_NOT_FOUND: return kNoFunction;
    case NVML_ERROR_CORRUPTED_INFOROM: return kCorruptInforom;
    case NVML_ERROR_GPU_IS_LOST: return kLost;
    default: return kOther;
  }
}

}  // namespace vgpu::smi
