// SPDX-License-Identifier: Apache-2.0
// Just-in-time linking. The driver writes to the option buffers of cuLinkCreate until the link is destroyed, so they
// live beside the handle; those of the inputs do, too, because nothing says that it does not.
#include <map>
#include <memory>
#include <vector>

#include "common/bits.h"
#include "host/worker/hand/jit_options.h"

namespace vgpu::host::hand {
namespace {

// One worker serves one session, so the process has one table of links.
std::mutex links_mutex;  // guards links
struct Link {
  std::unique_ptr<JitOptions> options;
  std::vector<std::unique_ptr<JitOptions>> of_inputs;
};
std::map<uint64_t, Link> links;

}  // namespace

CUresult link_create(Invocation& invocation) {
  auto options = std::make_unique<JitOptions>();
  if (!options->read(invocation.request) || !invocation.request.complete()) return invocation.bad_message();
  CUlinkState state = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLinkCreate_v2)(options->count(), options->ids(),
                                                                                  options->values(), &state);
  if (status != CUDA_SUCCESS) return status;
  const uint64_t wire = invocation.add(Kind::link_state, bits_of(state));
  invocation.reply.put(wire);
  const std::lock_guard lock(links_mutex);
  links[wire].options = std::move(options);
  return status;
}

namespace {

// The outputs so far, empty when the link is not known.
void write_outputs(Invocation& invocation, uint64_t wire) {
  const std::lock_guard lock(links_mutex);
  const auto found = links.find(wire);
  (found == links.end() ? JitOptions() : *found->second.options).write(invocation.reply);
}

void keep(uint64_t wire, std::unique_ptr<JitOptions> options) {
  const std::lock_guard lock(links_mutex);
  if (const auto found = links.find(wire); found != links.end()) found->second.of_inputs.push_back(std::move(options));
}

}  // namespace

CUresult link_add(Invocation& invocation) {
  const auto wire = invocation.request.get<uint64_t>();
  const auto type = invocation.request.get<uint32_t>();
  const std::string name(invocation.request.string());
  auto options = std::make_unique<JitOptions>();
  Image image;
  if (!options->read(invocation.request) || !read_image(invocation, image) || !invocation.request.complete())
    return invocation.bad_message();
  CUlinkState state = nullptr;
  if (wire == 0 || !invocation.real(Kind::link_state, wire, state)) return CUDA_ERROR_INVALID_HANDLE;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLinkAddData_v2)(
      state, static_cast<CUjitInputType>(type), static_cast<void*>(image.data), static_cast<size_t>(image.size),
      name.c_str(), options->count(), options->ids(), options->values());
  keep(wire, std::move(options));
  write_outputs(invocation, wire);
  return status;
}

CUresult link_complete(Invocation& invocation) {
  const auto wire = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUlinkState state = nullptr;
  if (wire == 0 || !invocation.real(Kind::link_state, wire, state)) return CUDA_ERROR_INVALID_HANDLE;
  void* image = nullptr;
  size_t size = 0;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuLinkComplete)(state, &image, &size);
  write_outputs(invocation, wire);
  invocation.reply.put(static_cast<uint64_t>(status == CUDA_SUCCESS ? size : 0));
  if (status == CUDA_SUCCESS) invocation.reply.bytes(image, size);
  return status;
}

CUresult link_destroy(Invocation& invocation) {
  RowCall row{api::spec::cuLinkDestroy, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = call_row(invocation, row);
  const std::lock_guard lock(links_mutex);
  links.erase(row.arguments.wire_handle[0]);
  return status;
}

}  // namespace vgpu::host::hand
