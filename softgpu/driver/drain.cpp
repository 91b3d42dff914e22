// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/drain.h"

#include <mutex>
#include <vector>

#include "softgpu/driver/context.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

void drain(Context& context) {
  std::vector<Ref<Stream>> streams;
  {
    const std::lock_guard lock(context.streams_mutex());
    streams = context.streams();
  }
  context.legacy_stream().drain();
  for (const Ref<Stream>& stream : streams) stream->drain();
}

}  // namespace vgpu::soft
