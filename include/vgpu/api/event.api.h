// SPDX-License-Identifier: Apache-2.0
// Events.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuEventCreate,          hand, make(phEvent))
API(cuEventDestroy,         local)
API(cuEventDestroy_v2,      sync, drop(hEvent))
API(cuEventElapsedTime,     local)
API(cuEventElapsedTime_v2,  sync, out(pMilliseconds))
API(cuEventQuery,           hand)
API(cuEventRecord,          hand)
API(cuEventRecordWithFlags, hand)
API(cuEventSynchronize,     hand)
