// SPDX-License-Identifier: Apache-2.0
// Inner rows: what functions of the guest's library that are written by hand ask of the host, where what they ask has
// another shape than what programs call. Names of ours; nobody exports them. Before including it, define
// NVML(name, path, marks...); it is undefined at the end.

// nvmlDeviceGetSamples: how many there may be, and all that there are, so that one reading of the card serves everybody,
// whatever they have seen.
NVML(vgpuSamples, share, Device, Value<nvmlSamplingType_t, NVML_SAMPLINGTYPE_COUNT>, Out<nvmlValueType_t>, Out<unsigned int>, List<nvmlSample_t>)
NVML(vgpuPerformanceStates, reading, Device, List<nvmlPstates_t>)

// GPM: samples stay in the monitor, under numbers. A metric's id and result are those of a field.
NVML(vgpuGpmSupport, reading, Device, Out<unsigned int>)
NVML(vgpuGpmSample, reading, Device, Out<unsigned int>)
NVML(vgpuGpmMetrics, reading, Device, Value<unsigned int, ~0u>, Value<unsigned int, ~0u>, Fields)
NVML(vgpuGpmName, reading, Value<unsigned int, kMaxElements>, Out<GpmName>)
#undef NVML
