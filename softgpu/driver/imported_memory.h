// SPDX-License-Identifier: Apache-2.0
// Memory of other processes, opened by cuIpcOpenMemHandle or cuMemPoolImportPointer: a mapping of the file that the
// exporter's allocation lies in, once per allocation however often it is opened; and buffers of external memory, each
// a mapping of its own. Counts against nobody here: its maker pays for it. Any thread.
#pragma once

#include "common/fd.h"
#include "softgpu/driver/address_space.h"

namespace vgpu::soft {

class Context;

// `object` tells allocations apart; `size` in bytes, no more than the file has; `pool`: handle value of the imported
// pool that the pointer belongs to, or 0. What belongs to a pool belongs to no context.
CuResult<CUdeviceptr> open_imported(uint64_t object, vgpu::UniqueFd file, uint64_t size, int device, Context& context,
                                    uint64_t pool = 0);

// Whether this is a file that memory can lie in: none whose pages somebody may take away. And whether it has as many.
bool is_memory_file(int file);
bool has_bytes(int file, uint64_t size);

// `size` bytes of the file from `offset` on, which is a multiple of a page: INVALID_VALUE otherwise.
CuResult<CUdeviceptr> map_external(int file, uint64_t offset, uint64_t size, Context& context);

// Undoes one opening, or all of them at once; false when nothing begins there that was opened. Nobody may use the
// memory any more.
bool close_imported(CUdeviceptr address, bool all);

}  // namespace vgpu::soft
