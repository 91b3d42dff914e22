// SPDX-License-Identifier: Apache-2.0
#include "bench/row.h"

namespace vgpu::bench {

std::vector<Family> families() {
  return {launch_family(),  query_family(),   memory_family(),     copy_family(),          large_copy_family(),
          module_family(),  graph_family(),   decode_family(),     thread_family(),        scaling_family(),
          session_family(), process_family(), prestarted_family(), ready_context_family(), idle_family(),
          machine_family(), runtime_family(), device_node_family()};
}

}  // namespace vgpu::bench
