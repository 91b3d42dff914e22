// SPDX-License-Identifier: Apache-2.0
// Rows: processes. Those of this VM, or of this daemon's socket, with their own process ids; what they hold is what
// their workers hold. The lists are made from the daemon's report, by hand.
NVML(nvmlDeviceGetComputeRunningProcesses, local, Device, List<nvmlProcessInfo_v1_t>)
NVML(nvmlDeviceGetComputeRunningProcesses_v2, local, Device, List<nvmlProcessInfo_v2_t>)
NVML(nvmlDeviceGetComputeRunningProcesses_v3, local, Device, List<nvmlProcessInfo_t>)
NVML(nvmlDeviceGetGraphicsRunningProcesses, local, Device, List<nvmlProcessInfo_v1_t>)
NVML(nvmlDeviceGetGraphicsRunningProcesses_v2, local, Device, List<nvmlProcessInfo_v2_t>)
NVML(nvmlDeviceGetGraphicsRunningProcesses_v3, local, Device, List<nvmlProcessInfo_t>)
NVML(nvmlDeviceGetMPSComputeRunningProcesses, local, Device, List<nvmlProcessInfo_v1_t>)
NVML(nvmlDeviceGetMPSComputeRunningProcesses_v2, local, Device, List<nvmlProcessInfo_v2_t>)
NVML(nvmlDeviceGetMPSComputeRunningProcesses_v3, local, Device, List<nvmlProcessInfo_t>)
NVML(nvmlDeviceGetProcessUtilization, local, Device, Plain<nvmlProcessUtilizationSample_t*>, Plain<unsigned int*>, Plain<unsigned long long>)
NVML(nvmlDeviceGetProcessesUtilizationInfo, local, Device, Plain<nvmlProcessesUtilizationInfo_t*>)
NVML(nvmlDeviceGetRunningProcessDetailList, local, Device, Plain<nvmlProcessDetailList_t*>)

// Accounting of ended processes is the card's, and off here; how many it would keep is a fact of the driver.
NVML(nvmlDeviceClearAccountingPids, denied, Device)
NVML(nvmlDeviceGetAccountingBufferSize, reading, Device, Out<unsigned int>)
NVML(nvmlDeviceGetAccountingMode, local, Device, Plain<nvmlEnableState_t*>)
NVML(nvmlDeviceGetAccountingPids, unsupported, Device)
NVML(nvmlDeviceGetAccountingStats, unsupported, Device)
NVML(nvmlDeviceSetAccountingMode, denied, Device)
