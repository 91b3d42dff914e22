// SPDX-License-Identifier: Apache-2.0
// Virtual memory management.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuMemAddressFree,                       hand)
API(cuMemAddressReserve,                    hand, out(ptr))
API(cuMemCreate,                            hand, make(handle, Kind::memory), copies(prop))
API(cuMemExportToShareableHandle,           hand, hand(shareableHandle), is(handle, Kind::memory))
API(cuMemGetAccess,                         sync, out(flags), copies(location))
API(cuMemGetAllocationGranularity,          sync, out(granularity), copies(prop))
API(cuMemGetAllocationPropertiesFromHandle, sync, out(prop), is(handle, Kind::memory))
API(cuMemImportFromShareableHandle,         hand, make(handle, Kind::memory), hand(osHandle))
API(cuMemMap,                               wait, is(handle, Kind::memory))
API(cuMemMapArrayAsync,                     wait, reads(mapInfoList, count))
API(cuMemRelease,                           hand, drop(handle, Kind::memory))
API(cuMemRetainAllocationHandle,            hand, make(handle, Kind::memory), hand(addr))
API(cuMemSetAccess,                         wait, reads(desc, count))
API(cuMemUnmap,                             hand)
