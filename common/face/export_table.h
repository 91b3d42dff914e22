// SPDX-License-Identifier: Apache-2.0
// The private tables behind cuGetExportTable, which NVIDIA's runtime and libraries expect of any libcuda.so.1. Each
// table is a constant of its own source file; docs/export-tables.md says what each is for and how to add a slot.
// Tables and the functions in them keep their addresses for the life of the process: runtimes hash some of them.
// Thread-safe; tables are handed out before cuInit too.
#pragma once

namespace vgpu::face {

const void* cudart_interface_table() noexcept;  // A: modules, handles of primary contexts.
const void* tools_tls_table() noexcept;         // B: current context.
const void* callback_hooks_table() noexcept;    // C: which runtime calls a profiler watches: none.
const void* context_storage_table() noexcept;   // D: context_storage.h.
const void* context_checks_table() noexcept;    // E: what kind of context this is.
const void* integrity_table() noexcept;         // F: integrity.h.
const void* context_tools_table() noexcept;     // H: ids of contexts and streams.
const void* module_tools_table() noexcept;      // I: the functions of a module.
const void* processor_places_table() noexcept;  // R: where multiprocessors lie.

}  // namespace vgpu::face
