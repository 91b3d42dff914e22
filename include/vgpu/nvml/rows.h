// SPDX-License-Identifier: Apache-2.0
// All rows, in one place. Before including it, define NVML(name, path, marks...); it is undefined at the end.
// One row per name that NVIDIA's library of driver 580 exports; tests/check/exports.sh holds them against
// tests/check/nvml.lock.
#include "vgpu/nvml/control.rows.h"
#include "vgpu/nvml/device.rows.h"
#include "vgpu/nvml/error.rows.h"
#include "vgpu/nvml/link.rows.h"
#include "vgpu/nvml/process.rows.h"
#include "vgpu/nvml/sensor.rows.h"
#include "vgpu/nvml/system.rows.h"
#include "vgpu/nvml/virtual.rows.h"
#undef NVML
