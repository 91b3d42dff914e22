// SPDX-License-Identifier: Apache-2.0
// Libraries and kernels: code that belongs to no context.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuKernelGetAttribute,      sync, out(pi))
API(cuKernelGetFunction,       sync, borrow(pFunc))
API(cuKernelGetLibrary,        sync, borrow(pLib))
API(cuKernelGetName,           hand, hand(name))
API(cuKernelGetParamInfo,      sync, out(paramOffset), out(paramSize))
API(cuKernelSetAttribute,      hand)
API(cuKernelSetCacheConfig,    sync)
API(cuLibraryEnumerateKernels, sync, writes(kernels, numKernels))
API(cuLibraryGetGlobal,        hand, out(dptr), out(bytes), cstr(name))
API(cuLibraryGetKernel,        wait, borrow(pKernel), cstr(name))
API(cuLibraryGetKernelCount,   sync, out(count))
API(cuLibraryGetManaged,      hand, out(dptr), out(bytes), cstr(name))
API(cuLibraryGetModule,        wait, borrow(pMod))
API(cuLibraryLoadData,         hand, make(library), hand(code), hand(jitOptions), hand(jitOptionsValues), hand(libraryOptions), hand(libraryOptionValues))
API(cuLibraryLoadFromFile,     local)
API(cuLibraryUnload,           wait, drop(library))
