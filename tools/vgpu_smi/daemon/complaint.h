// SPDX-License-Identifier: Apache-2.0
// What a person is told when vgpud has no report. Pure.
#pragma once

#include "common/nvml/report_client.h"
#include "tools/vgpu_smi/card.h"

namespace vgpu::smi {

Complaint explain(const nvml::ReportFailure& failure);

}  // namespace vgpu::smi
