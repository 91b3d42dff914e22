// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/daemon/complaint.h"

#include <fmt/core.h>

namespace vgpu::smi {

Complaint explain(const nvml::ReportFailure& failure) {
  const std::string& what = failure.error.message;
  switch (failure.kind) {
    case nvml::NoReport::no_device:
      return {fmt::format("No vgpud can be asked: {}. \"vgpu-smi doctor\" says what is missing.", what), kNoDriver};
    case nvml::NoReport::no_permission:
      return {fmt::format("{}. \"vgpu-smi doctor\" says whom to ask.", what), kNoPermission};
    case nvml::NoReport::lost: return {fmt::format("{}. Has vgpud ended? \"vgpu-smi doctor\" looks.", what), kNoDriver};
    case nvml::NoReport::not_understood:
      return {fmt::format("{}: the module or vgpud is older than this tool. Install one release on both sides.", what),
              kNoFunction};
    case nvml::NoReport::failed: break;
  }
  return {fmt::format("{}. \"vgpu-smi doctor\" looks for the reason.", what), kOther};
}

}  // namespace vgpu::smi
