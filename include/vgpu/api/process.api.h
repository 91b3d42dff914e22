// SPDX-License-Identifier: Apache-2.0
// Initialisation, version, errors, entry points, profiler switches.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuDriverGetVersion,       local)
API(cuGetErrorName,           local)
API(cuGetErrorString,         local)
API(cuGetExportTable,         local)
API(cuGetProcAddress,         local)
API(cuGetProcAddress_v2,      local)
API(cuInit,                   local)
API(cuLogsCurrent,            local)
API(cuLogsDumpToFile,         local)
API(cuLogsDumpToMemory,       local)
API(cuLogsRegisterCallback,   local)
API(cuLogsUnregisterCallback, local)
API(cuProfilerStart,          sync)
API(cuProfilerStop,           sync)
