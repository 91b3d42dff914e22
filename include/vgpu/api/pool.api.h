// SPDX-License-Identifier: Apache-2.0
// Stream-ordered allocation.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuMemAllocAsync,         hand, out(dptr))
API(cuMemAllocFromPoolAsync, hand, out(dptr))
API(cuMemFreeAsync,          hand)
API(cuMemGetDefaultMemPool,  sync, borrow(pool_out), inout(location))
API(cuMemGetMemPool,         sync, borrow(pool), inout(location))
API(cuMemPoolCreate,         hand, make(pool), hand(poolProps))
API(cuMemPoolDestroy,        wait, drop(pool))
API(cuMemPoolGetAccess,      sync, out(flags), inout(location))
API(cuMemPoolGetAttribute,   sync, sized_out(value, attr, pool_attribute_bytes))
API(cuMemPoolSetAccess,      sync, reads(map, count))
API(cuMemPoolSetAttribute,   sync, sized_in(value, attr, pool_attribute_bytes))
API(cuMemPoolTrimTo,         wait)
API(cuMemSetMemPool,         sync, inout(location))
