# SPDX-License-Identifier: Apache-2.0
# unit: one binary with everything that runs without a driver. contract: one binary against the public driver API,
# run on whichever libcuda.so.1 the library path names (linked against the toolkit's stub). programs: nvcc samples.
TEST_MAIN_OBJ := $(O)/obj/tests/support/main.o
UNIT_OBJS     := $(call obj,$(wildcard tests/unit/*.tests.cpp))
# The parts of the software GPU's driver that stand alone.
SOFT_UNIT_OBJS := $(call obj,softgpu/driver/completion.cpp softgpu/driver/jit_options.cpp softgpu/driver/object.cpp \
                    softgpu/driver/occupancy.cpp softgpu/driver/range_allocator.cpp \
                    softgpu/driver/visible_devices.cpp)
# The parts of the worker, the daemon and the guest library that stand alone.
WORKER_UNIT_OBJS := $(call obj,$(addprefix host/worker/,blobs.cpp callback_server.cpp callbacks.cpp counters.cpp driver.cpp event_pool.cpp exports.cpp \
                      handle_table.cpp hardware_queues.cpp helpers.cpp kept_modules.cpp launch_lanes.cpp kept_launches.cpp launch_sequences.cpp sequence_book.cpp sequence_graph.cpp managed_pages.cpp module_state.cpp \
                      own_threads.cpp print_scan.cpp printing.cpp ready_context.cpp sync_debts.cpp unsupported_calls.cpp))
DAEMON_UNIT_OBJS := $(call obj,$(addprefix host/daemon/,event_loop.cpp events.cpp gpu_choice.cpp metrics_page.cpp sample_history.cpp shared_objects.cpp \
                      traces.cpp worker_files.cpp) \
                      host/vfio_user/connection.cpp \
                      $(addprefix host/device/,channel.cpp guest_memory.cpp pci_config.cpp run_list.cpp))
GUEST_UNIT_OBJS  := $(call obj,$(addprefix libcuda/,session.cpp device_ranges.cpp error_log.cpp known_strangers.cpp mapped_here.cpp markers.cpp \
                      pointer_facts.cpp shared_descriptors.cpp))
UNIT_LIBS     := $(call obj,tests/survey/survey.cpp bench/gate.cpp) $(WORKER_UNIT_OBJS) $(DAEMON_UNIT_OBJS) \
                 $(GUEST_UNIT_OBJS) $(SOFT_UNIT_OBJS) $(SOFT_PTX_OBJS) $(SOFT_MACHINE_OBJS) $(FACE_UNIT_OBJS) $(COMMON_OBJS)
CONTRACT_OBJS := $(call obj,$(wildcard tests/contract/*.cpp) common/attached_files.cpp common/fd.cpp)
# Not optimised: compiling takes longer than running.
CXXFLAGS.tests := -O0 -Wno-conversion -Wno-shadow
# It defines what Catch2's header looks at.
NOT_AHEAD += tests/support/main

$(O)/tests/unit: $(UNIT_OBJS) $(TEST_MAIN_OBJ) $(UNIT_LIBS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lfmt -llz4 -lzstd -ldl -o $@

$(O)/tests/many_processors.so: $(call obj,tests/support/many_processors.cpp)
	@mkdir -p $(@D)
	@$(CXX) -shared $(LDFLAGS) $^ -o $@

$(O)/tests/contract: $(CONTRACT_OBJS) $(TEST_MAIN_OBJ)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

# It opens and closes whichever libcuda.so.1 the library path names, and is linked with none.
$(O)/tests/unload: $(call obj,$(wildcard tests/unload/*.cpp)) $(TEST_MAIN_OBJ)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -ldl -o $@

$(O)/tests/gpu/proc_addresses: $(call obj,tests/gpu/proc_addresses.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@
# It asks whichever libnvidia-ml.so.1 it finds.
$(O)/tests/gpu/nvml_values: $(call obj,$(wildcard tests/gpu/nvml_values/*.cpp))
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -ldl -o $@

# Contract tests of the runtime API: the library path says whose libcudart.so.13 runs them, over which driver. The plugin
# is loaded and unloaded by them.
RUNTIME_OBJS := $(call obj,$(wildcard tests/runtime/*.cpp))
THIRTEEN_OBJS := $(call obj,$(wildcard tests/runtime/thirteen/*.cpp))
RUNTIME_LINKS := -L$(CUDA_HOME)/lib64/stubs -lcuda -ldl
$(O)/tests/runtime: $(RUNTIME_OBJS) $(THIRTEEN_OBJS) $(TEST_MAIN_OBJ) build/programs/runtime/kernels.o | $(O)/tests/runtime_plugin.so $(O)/tests/runtime_plugin_static.so
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) -L$(CUDA_HOME)/lib64 -lcudart $(RUNTIME_LINKS) -o $@
$(O)/tests/runtime_plugin.so: build/programs/runtime/plugin.o
	@mkdir -p $(@D)
	@$(NVCC) $(NVCCFLAGS) -shared -cudart shared $< -o $@
$(O)/tests/runtime_plugin_static.so: build/programs/runtime/plugin.o
	@mkdir -p $(@D)
	@$(NVCC) $(NVCCFLAGS) -shared -cudart static $< -o $@

# The same objects, linked for a libcudart.so.12, NVIDIA's or ours: what its release named or laid out otherwise goes
# through the shim. Beside them are tests of that release alone.
TWELVE_SHIM  := $(O)/obj/tests/runtime/twelve/shim.o
TWELVE_WRAPS := cudaGetDeviceProperties cudaGetDriverEntryPointByVersion cudaGraphAddNode cudaPointerGetAttributes cudaStreamGetDevice
TWELVE_LINKS := $(TWELVE_WRAPS:%=-Wl,--wrap=%) $(O)/lib/cudart/libcudart.so.12 $(RUNTIME_LINKS)
TWELVE_TESTS := $(O)/tests/cudart12/runtime
$(TWELVE_TESTS): $(filter-out %/release.o,$(RUNTIME_OBJS)) $(call obj,$(wildcard tests/runtime/twelve/*.cpp)) $(TEST_MAIN_OBJ) build/programs/runtime/kernels.o \
    $(O)/lib/cudart/libcudart.so.12 | $(O)/tests/cudart12/runtime_plugin.so $(O)/tests/cudart12/runtime_plugin_static.so
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) $(TWELVE_LINKS) -o $@
$(O)/tests/cudart12/runtime_plugin.so: build/programs/runtime/plugin.o $(O)/lib/cudart/libcudart.so.12
	@mkdir -p $(@D)
	@$(CXX) -shared $^ -o $@
$(O)/tests/cudart12/runtime_plugin_static.so: $(O)/tests/runtime_plugin_static.so
	@mkdir -p $(@D)
	@cp $< $@

# It is linked with neither release, and opens both.
TOGETHER_TESTS := $(O)/tests/runtime_together
$(TOGETHER_TESTS): $(call obj,$(wildcard tests/runtime/together/*.cpp)) $(TEST_MAIN_OBJ) | $(O)/tests/runtime_plugin.so $(O)/tests/cudart12/runtime_plugin.so
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -ldl -o $@

# A library that knows nothing of us: Debian's VkFFT, fetched where it is used.
build/libraries/stamp:
	@echo "  FETCH VkFFT"
	@tests/libraries/fetch
CXXFLAGS.tests/libraries/vkfft := -isystem build/libraries/root/usr/include
$(O)/obj/tests/libraries/vkfft.o $(O)/clang/tests/libraries/vkfft.ok: | build/libraries/stamp
$(O)/tests/vkfft: $(O)/obj/tests/libraries/vkfft.o
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64 -lcudart -lnvrtc $(RUNTIME_LINKS) -o $@

$(O)/tests/jit_link: $(call obj,tests/libraries/jit_link.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64 -lnvrtc -lnvJitLink $(RUNTIME_LINKS) -o $@

# GCC compiles for a device of compute capability 8.0 at most. Its table of what is offloaded is no position-independent code.
OFFLOADED := $(O)/tests/offload/openmp $(O)/tests/offload/openacc
$(OFFLOADED): $(O)/tests/offload/%: tests/libraries/%.c | build/deps.all
	@mkdir -p $(@D)
	@echo "  GCC  $@"
	@gcc-12 -O2 -Wall -f$* -foffload=nvptx-none '-foffload-options=nvptx-none=-misa=sm_80 -lm' -no-pie $< -lm -o $@

# Every call with wrong arguments: what two libraries answer is compared.
WRONG_CALLS := $(O)/tests/wrong_calls $(O)/tests/cudart12/wrong_calls
$(O)/tests/wrong_calls: $(call obj,tests/runtime/wrong/main.cpp tests/runtime/wrong/calls13.cpp) build/programs/runtime/kernels.o
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64 -lcudart -o $@
$(O)/tests/cudart12/wrong_calls: $(call obj,tests/runtime/wrong/main.cpp tests/runtime/wrong/calls12.cpp) build/programs/runtime/kernels.o $(O)/lib/cudart/libcudart.so.12
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@

build/programs/runtime/%.o: tests/runtime/%.cu $(wildcard tests/runtime/*.h)
	@mkdir -p $(@D)
	@echo "  NVCC $<"
	@$(NVCC) $(NVCCFLAGS) -Xcompiler -fPIC -I. -c $< -o $@

# One-instruction PTX tests: the runner takes .ptx files or directories, e.g. build/tests/ptx tests/ptx.
PTX_TEST_OBJS := $(call obj,$(wildcard tests/ptx/*.cpp))
$(O)/tests/ptx: $(PTX_TEST_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

# Instruction forms that the driver must know, and some that it must not.
$(O)/tests/ptx_forms: $(call obj,tests/ptx_forms/run_forms.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

# Programs that nvcc builds, each with its runtime linked statically (the default) and shared.
NVCC          := $(CUDA_HOME)/bin/nvcc
PROGRAMS      := $(patsubst tests/programs/%.cu,%,$(wildcard tests/programs/*.cu))
PROGRAM_BINS  := $(foreach p,$(PROGRAMS),build/programs/static/$(p) build/programs/shared/$(p))
NVCCFLAGS     := -std=c++17 -O2 -arch=compute_75 -code=compute_75 -Wno-deprecated-gpu-targets
# nvcc includes the runtime ahead of the file, too early for the file's own macro.
NVCCFLAGS.threads := --default-stream per-thread
# What a program needs of later devices.
NVCCARCH.tensor_map := compute_90
nvccflags = $(subst compute_75,$(or $(NVCCARCH.$1),compute_75),$(NVCCFLAGS)) $(NVCCFLAGS.$1)
# What calls the device runtime is relocatable code, which is linked with it.
RELOCATABLE := dynamic_parallelism graph_conditional graph_device_launch
$(foreach p,$(RELOCATABLE),$(eval NVCCFLAGS.$p := -rdc=true))

# Compiled once, linked twice.
build/programs/obj/%.o: tests/programs/%.cu $(wildcard tests/programs/*.h)
	@mkdir -p $(@D)
	@test -x $(NVCC) || { echo "The CUDA toolkit's nvcc is needed: install the toolkit and set CUDA_HOME (now $(CUDA_HOME))." >&2; exit 1; }
	@echo "  NVCC $<"
	@$(NVCC) $(call nvccflags,$*) -c $< -o $@
build/programs/static/%: build/programs/obj/%.o
	@mkdir -p $(@D)
	@$(NVCC) $(call nvccflags,$*) -cudart static $< -o $@
build/programs/shared/%: build/programs/obj/%.o
	@mkdir -p $(@D)
	@$(NVCC) $(call nvccflags,$*) -cudart shared $< -o $@
# Release 12.4 has no libraries of code (cudaLibraryLoadData), and relocatable code is nvcc's to link.
TWELVE_BINS := $(addprefix build/programs/cudart12/,$(filter-out multi_module $(RELOCATABLE),$(PROGRAMS)))
$(TWELVE_BINS): build/programs/cudart12/%: build/programs/obj/%.o $(TWELVE_SHIM) $(O)/lib/cudart/libcudart.so.12
	@mkdir -p $(@D)
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) $(TWELVE_LINKS) -o $@
.SECONDARY: $(PROGRAMS:%=build/programs/obj/%.o)

programs: $(PROGRAM_BINS)
.PHONY: programs

include tests/ollama/room.mk
include tests/survey/room.mk
include tests/fuzz/room.mk
include tests/nvml/room.mk
include tests/vm/room.mk
include tests/kmod/room.mk
include tests/smi/room.mk
