// SPDX-License-Identifier: Apache-2.0
// The worker's hand-written calls, one file per family beside this header; table.cpp lists which opcode goes where.
// Each reads its request from the invocation, calls the driver and appends its reply. They run on the dispatcher or on
// a helper thread, as the guest asked, and take nothing in the request on trust.
#pragma once

#include <optional>
#include <span>

#include "host/worker/session.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host::hand {

// session.cpp: private calls
CUresult snapshot(Invocation& invocation);
CUresult function_facts(Invocation& invocation);
CUresult tpc_places(Invocation& invocation);
CUresult blob_append(Invocation& invocation);
CUresult blob_read(Invocation& invocation);
CUresult blob_drop(Invocation& invocation);
CUresult take_output(Invocation& invocation);
CUresult serve_callbacks(Invocation& invocation);
CUresult thread_exit(Invocation& invocation);
CUresult refused_call(Invocation& invocation);
CUresult statistics(Invocation& invocation);

// context.cpp
CUresult primary_retain(Invocation& invocation);
CUresult primary_release(Invocation& invocation);
CUresult primary_reset(Invocation& invocation);
CUresult primary_set_flags(Invocation& invocation);
CUresult context_create(Invocation& invocation);
CUresult context_synchronize(Invocation& invocation);

// launch.cpp
CUresult launch(Invocation& invocation);
CUresult captured_launch(Invocation& invocation);
CUresult occupancy_clusters(Invocation& invocation);

// launch_devices.cpp
CUresult launch_on_devices(Invocation& invocation);

// copy.cpp
CUresult copy(Invocation& invocation);
CUresult copy_box(Invocation& invocation);

// memory.cpp
CUresult allocate(Invocation& invocation);
CUresult allocate_pitch(Invocation& invocation);
CUresult release(Invocation& invocation);
CUresult create_memory(Invocation& invocation);
CUresult release_memory(Invocation& invocation);
CUresult memory_info(Invocation& invocation);
CUresult host_register(Invocation& invocation);
CUresult host_unregister(Invocation& invocation);
CUresult host_device_pointer(Invocation& invocation);
CUresult pointer_attribute(Invocation& invocation);
CUresult retain_memory(Invocation& invocation);
CUresult pool_create(Invocation& invocation);

// module.cpp
CUresult module_load(Invocation& invocation);
CUresult library_load(Invocation& invocation);
CUresult link_create(Invocation& invocation);
CUresult link_add(Invocation& invocation);
CUresult link_complete(Invocation& invocation);
CUresult link_destroy(Invocation& invocation);
CUresult function_name(Invocation& invocation);
CUresult unified_function(Invocation& invocation);

// kept_module.cpp: modules that stay loaded when the program unloads them
CUresult module_unload(Invocation& invocation);
CUresult module_get_function(Invocation& invocation);
// The image of a load without options; nothing when there is more to it.
std::optional<std::span<const std::byte>> plain_image(const CommandCopy& command);
// Takes one that this load may have, by the driver's handle; 0: none.
uint64_t kept_module(Session& session, const CommandCopy& command);
// Whether the command, which in general may block, will be answered without the driver.
bool is_at_hand(Session& session, const CommandCopy& command);

// share.cpp
CUresult ipc_get_memory(Invocation& invocation);
CUresult ipc_open_memory(Invocation& invocation);
CUresult ipc_get_event(Invocation& invocation);
CUresult ipc_open_event(Invocation& invocation);
CUresult event_destroy(Invocation& invocation);
CUresult export_memory(Invocation& invocation);
CUresult import_memory(Invocation& invocation);
CUresult export_pool(Invocation& invocation);
CUresult import_external_memory(Invocation& invocation);
CUresult import_pool(Invocation& invocation);
CUresult export_pool_pointer(Invocation& invocation);
CUresult import_pool_pointer(Invocation& invocation);
CUresult withdraw_export(Invocation& invocation);

// stream.cpp
CUresult host_function(Invocation& invocation);
CUresult stream_callback(Invocation& invocation);
CUresult capture_info(Invocation& invocation);
CUresult stream_context(Invocation& invocation);
CUresult stream_synchronize(Invocation& invocation);

// graph.cpp
CUresult graph_launch(Invocation& invocation);
CUresult add_kernel_node(Invocation& invocation);
CUresult reserve_nodes(Invocation& invocation);
CUresult named_kernel_node(Invocation& invocation);
CUresult set_kernel_node(Invocation& invocation);
CUresult get_kernel_node(Invocation& invocation);
CUresult add_memcpy_node(Invocation& invocation);
CUresult set_memcpy_node(Invocation& invocation);
CUresult get_memcpy_node(Invocation& invocation);
CUresult add_host_node(Invocation& invocation);
CUresult set_host_node(Invocation& invocation);
CUresult get_host_node(Invocation& invocation);
CUresult add_alloc_node(Invocation& invocation);
CUresult get_alloc_node(Invocation& invocation);
CUresult exec_update(Invocation& invocation);
CUresult instantiate_with_params(Invocation& invocation);
CUresult user_object_create(Invocation& invocation);

// marker.cpp
CUresult place_marker(Invocation& invocation);
CUresult marked_record(Invocation& invocation);
CUresult marked_wait(Invocation& invocation);
CUresult marked_copy(Invocation& invocation);

// managed_variable.cpp
CUresult managed_variable(Invocation& invocation);
CUresult global_variable(Invocation& invocation);
CUresult managed_read(Invocation& invocation);
CUresult managed_write(Invocation& invocation);

// array.cpp
CUresult array_create(Invocation& invocation);
CUresult array_destroy(Invocation& invocation);
CUresult map_arrays(Invocation& invocation);

// texture.cpp
CUresult texture_create(Invocation& invocation);
CUresult texture_destroy(Invocation& invocation);
CUresult texture_resource(Invocation& invocation);
CUresult texture_row(Invocation& invocation);
CUresult surface_create(Invocation& invocation);
CUresult surface_destroy(Invocation& invocation);
CUresult surface_resource(Invocation& invocation);

// copy_batch.cpp
CUresult copy_batch(Invocation& invocation);
CUresult copy_box_batch(Invocation& invocation);
CUresult decompress_batch(Invocation& invocation);

// device_resource.cpp
CUresult device_resource(Invocation& invocation);

// graph_conditional.cpp
CUresult conditional_handle_create(Invocation& invocation);
CUresult add_conditional_node(Invocation& invocation);

// graph_memop.cpp
CUresult add_memop_node(Invocation& invocation);
CUresult set_memop_node(Invocation& invocation);
CUresult get_memop_node(Invocation& invocation);

}  // namespace vgpu::host::hand
