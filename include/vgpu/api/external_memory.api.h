// SPDX-License-Identifier: Apache-2.0
// External memory: what a file descriptor of cuMemExportToShareableHandle stands for, mapped as a buffer.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuDestroyExternalMemory,         wait, drop(extMem))
API(cuExternalMemoryGetMappedBuffer, wait, out(devPtr), copies(bufferDesc))
API(cuImportExternalMemory,          hand, make(extMem_out), hand(memHandleDesc))
