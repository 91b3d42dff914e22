// SPDX-License-Identifier: Apache-2.0
// Multicast objects. They live in the handle space of allocations.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuMulticastAddDevice,      wait, is(mcHandle, Kind::memory))
API(cuMulticastBindAddr,       wait, is(mcHandle, Kind::memory))
API(cuMulticastBindMem,        wait, is(mcHandle, Kind::memory), is(memHandle, Kind::memory))
API(cuMulticastCreate,         wait, make(mcHandle, Kind::memory), copies(prop))
API(cuMulticastGetGranularity, sync, out(granularity), copies(prop))
API(cuMulticastUnbind,         wait, is(mcHandle, Kind::memory))
