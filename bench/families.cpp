// SPDX-License-Identifier: Apache-2.0
#include "bench/row.h"

namespace vgpu::bench {

std::vector<Family> families() {
  return {launch_family(), query_family(),  memory_family(),  copy_family(),    module_family(),
          graph_family(),  thread_family(), process_family(), machine_family(), runtime_family()};
}

}  // namespace vgpu::bench
