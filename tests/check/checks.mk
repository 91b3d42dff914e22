# SPDX-License-Identifier: Apache-2.0
# `make check` is CI, and CI is `make check`. Each step is a target check-STEP of its own; one that has cases prints
# "N passed, M failed" behind each run of them. VARIANT=asan make check-unit runs a step on an instrumented build.
# Most tests leave a processor idle, or wait: what clang compiles goes beside them.
CHECK_FIRST  := rooms licences format opcodes docs build
CHECK_THEN   := exports unit ptx ptx-forms ptx-ring contract ring managed programs-static programs-shared cudart cudart12 \
                runtime runtime12 wrong-calls wrong-calls12 ollama libraries nvml nvml-clients smi profile host hostile vm
CHECK_BESIDE := clang asan-build asan-unit asan-contract asan-ring asan-fuzz
CHECK_STEPS  := $(CHECK_FIRST) $(CHECK_THEN) $(CHECK_BESIDE)
JOBS        := $(shell nproc)

TEST_BINS   := $(addprefix $(O)/tests/,unit contract unload $(if $(VARIANT),,ptx ptx_forms nvml nvml-vendor hostile host/client host/fake-worker gpu/proc_addresses smi/smi))
VGPU_RUN    := $(O)/bin/vgpu-run
# The drivers under test: the software GPU in the process, or the guest's library and a worker.
NATIVE      := LD_LIBRARY_PATH=$(abspath $(O)/soft)
THROUGH_RING := $(VGPU_RUN) --driver soft --
# Instrumented code is several times slower. A report of the sanitizer is a failure even where the test passes.
LIMIT       := $(if $(VARIANT),400,120)
# A worker may not start the process that looks for leaks, and drivers keep what lives until the process ends.
export ASAN_OPTIONS  ?= exitcode=99:detect_leaks=0
export UBSAN_OPTIONS ?= print_stacktrace=1

# For targets that people type as they are, without -j.
ALL_PROCESSORS = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# By another name, so that `make -n check` only prints.
CHECK_MAKE := $(MAKE)
CHECK_VARIABLES := $(foreach v,CC CUDA_HOME CXX O OPT,$(if $(filter command,$(origin $(v))),$(v)=$($(v))))
check: build/deps.all
	@FIRST="$(CHECK_FIRST)" THEN="$(CHECK_THEN)" BESIDE="$(CHECK_BESIDE)" LOGS=$(O)/check \
	  MAKE_COMMAND="env MAKEFLAGS= $(CHECK_MAKE) --no-print-directory -j$(JOBS) $(CHECK_VARIABLES)" tests/check/check.sh

check-rooms:
	@tests/check/rooms.sh
check-licences:
	@tests/check/licences.sh
check-format: format-check
check-opcodes: $(GEN)/stamp
	@tests/check/opcodes.sh $(GEN)
check-docs: $(O)/bin/apidump
	@$(O)/bin/apidump $(sort $(wildcard tests/contract/*.tests.cpp)) > $(O)/coverage.md
	@diff -u docs/coverage.md $(O)/coverage.md || { echo "docs/coverage.md is stale: make docs"; exit 1; }

# What an instrumented build compiles.
INSTRUMENTED := $(sort $(COMMON_OBJS) $(FACE_OBJS) $(LIBCUDA_OBJS) $(SOFT_OBJS) $(DAEMON_OBJS) $(WORKER_OBJS) $(MONITOR_OBJS) \
                  $(VGPU_RUN_OBJS) $(UNIT_OBJS) $(UNIT_LIBS) $(CONTRACT_OBJS) $(TEST_MAIN_OBJ)) $(O)/obj/host/holder/main.o
check-build: build/deps.all all $(TEST_BINS) $(if $(VARIANT),$(INSTRUMENTED),$(PROGRAM_BINS) $(TWELVE_BINS) $(O)/tests/runtime $(TWELVE_TESTS) $(TOGETHER_TESTS) $(WRONG_CALLS) $(O)/tests/vkfft $(OFFLOADED))
check-exports: all
	@tests/check/exports.sh $(O) $(CUDA_HOME)/lib64/stubs/libcuda.so

check-unit: $(O)/tests/unit
	@tests/check/catch.sh $(LIMIT) $(O)/tests/unit
check-ptx: all $(O)/tests/ptx
	@$(NATIVE) timeout $(LIMIT) tests/check/ptx_runner.sh $(O)/tests/ptx
	@VGPU_SOFT_COMPUTE_CAPABILITY=9.0 $(NATIVE) timeout 300 $(O)/tests/ptx tests/ptx
	@VGPU_SOFT_COMPUTE_CAPABILITY=10.0 $(NATIVE) timeout 300 $(O)/tests/ptx $(shell grep -rl '^// target sm_10' tests/ptx)
check-ptx-forms: all $(O)/tests/ptx_forms
	@$(NATIVE) tests/check/ptx_forms.sh $(O)/tests/ptx_forms $(CUDA_HOME) $(wildcard tests/ptx_forms/*.forms)
	@VGPU_LOG=error VGPU_SOFT_COMPUTE_CAPABILITY=9.0 $(NATIVE) timeout 300 $(O)/tests/ptx_forms $(wildcard tests/ptx_forms/*.forms)
	@VGPU_LOG=error VGPU_SOFT_COMPUTE_CAPABILITY=10.0 $(NATIVE) timeout 300 $(O)/tests/ptx_forms $(shell grep -l '^target sm_10' tests/ptx_forms/*.forms)
check-ptx-ring: all $(O)/tests/ptx
	@$(THROUGH_RING) timeout $(LIMIT) tests/check/ptx_runner.sh $(O)/tests/ptx
	@$(THROUGH_RING) timeout 300 $(O)/tests/ptx tests/ptx
check-contract: all $(O)/tests/contract $(O)/tests/unload
	@$(NATIVE) tests/check/catch.sh $(LIMIT) $(O)/tests/unload
	@$(NATIVE) LIMIT=$(LIMIT) tests/contract/run.sh $(O)/tests/contract
	@VGPU_SOFT_COMPUTE_CAPABILITY=9.0 $(NATIVE) LIMIT=$(LIMIT) tests/contract/run.sh $(O)/tests/contract launch capture
# A process for each family, then one for all, in any order; then workers that have a context before there is a program.
check-ring: all $(O)/tests/contract $(O)/tests/unload
	@$(THROUGH_RING) tests/check/catch.sh $(LIMIT) $(O)/tests/unload
	@LIMIT=$(LIMIT) $(THROUGH_RING) tests/contract/run.sh $(O)/tests/contract
	@$(THROUGH_RING) tests/check/catch.sh $(LIMIT) $(O)/tests/contract '[contract]~[.]'
	@LIMIT=$(LIMIT) $(VGPU_RUN) --driver soft --ready-contexts 2 -- tests/contract/run.sh $(O)/tests/contract primary context green
# Managed variables as with a driver that keeps its managed memory to itself, and waits by markers, which the device
# writes: the software GPU under another name, on this machine and on one with more processors. What is shared goes by
# file descriptors of that driver's own, which the worker knows by the name.
check-managed: all $(O)/tests/contract $(O)/tests/unit $(O)/tests/many_processors.so
	@$(VGPU_RUN) --driver $(abspath $(O)/soft/libcuda.so.1) -- tests/check/catch.sh $(LIMIT) $(O)/tests/contract '[managed],[sequence],[stream],[progress]'
	@LD_PRELOAD=$(abspath $(O)/tests/many_processors.so) tests/check/catch.sh $(LIMIT) $(O)/tests/unit '[many-processors]'
	@LD_PRELOAD=$(abspath $(O)/tests/many_processors.so) $(VGPU_RUN) --driver $(abspath $(O)/soft/libcuda.so.1) -- \
	  tests/check/catch.sh $(LIMIT) $(O)/tests/contract '[contract]~[soft]~[.]~[share]~[external]~[ipc]'
check-programs-%: all $(PROGRAM_BINS)
	@LIMIT=$(LIMIT) $(THROUGH_RING) tests/programs/run.sh build/programs/$*
# Our runtime libraries beside NVIDIA's, over the software GPU: the toolkit's of CUDA 13, Debian's of 12.4.
CUDART_OURS  := $(abspath $(O)/lib/cudart)
CUDART12     := $(abspath build/cuda12/lib)
$(CUDART12)/libcudart.so.12:
	@tests/runtime/fetch-cudart12
check-cudart: all $(filter build/programs/shared/%,$(PROGRAM_BINS))
	@LIMIT=$(LIMIT) tests/check/cudart.sh libcudart.so.13 $(CUDART_OURS) $(CUDA_HOME)/lib64 $(abspath $(O)/soft) build/programs/shared
check-cudart12: all $(TWELVE_BINS) $(CUDART12)/libcudart.so.12
	@LIMIT=$(LIMIT) LOCK=libcuda/cudart12/exports.lock tests/check/cudart.sh libcudart.so.12 $(CUDART_OURS) $(CUDART12) $(abspath $(O)/soft) build/programs/cudart12
check-runtime: all $(O)/tests/runtime
	@tests/check/runtime_calls.sh
	@LIMIT=$(LIMIT) tests/check/runtime_codes.sh $(O)/tests/runtime $(CUDA_HOME)/lib64 $(CUDART_OURS) $(abspath $(O)/soft) '~[.]'
	@LD_LIBRARY_PATH=$(CUDA_HOME)/lib64:$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(O)/tests/runtime
	@LD_LIBRARY_PATH=$(CUDART_OURS):$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(O)/tests/runtime
check-runtime12: all $(TWELVE_TESTS) $(TOGETHER_TESTS) $(CUDART12)/libcudart.so.12
	@LIMIT=$(LIMIT) tests/check/runtime_codes.sh $(TWELVE_TESTS) $(CUDART12) $(CUDART_OURS) $(abspath $(O)/soft) '~[since13]~[later]~[bad-input]~[.]'
	@LD_LIBRARY_PATH=$(CUDART12):$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(TWELVE_TESTS) '~[since13]~[later]~[.]'
	@LD_LIBRARY_PATH=$(CUDART_OURS):$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(TWELVE_TESTS) '~[since13]~[.]'
	@LD_LIBRARY_PATH=$(CUDART12):$(CUDA_HOME)/lib64:$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(TOGETHER_TESTS)
	@LD_LIBRARY_PATH=$(CUDART_OURS):$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(TOGETHER_TESTS)
	@LD_LIBRARY_PATH=$(CUDART12):$(CUDART_OURS):$(abspath $(O)/soft) tests/check/catch.sh $(LIMIT) $(TOGETHER_TESTS)
check-wrong-calls: all $(O)/tests/wrong_calls
	@LIMIT=$(LIMIT) tests/check/wrong_calls.sh 13 $(O)/tests/wrong_calls $(CUDA_HOME)/lib64 $(CUDART_OURS) $(abspath $(O)/soft)
check-wrong-calls12: all $(O)/tests/cudart12/wrong_calls $(CUDART12)/libcudart.so.12
	@LIMIT=$(LIMIT) tests/check/wrong_calls.sh 12 $(O)/tests/cudart12/wrong_calls $(CUDART12) $(CUDART_OURS) $(abspath $(O)/soft)
# The second run is of a device whose memory is limited.
check-nvml: all $(O)/tests/nvml $(O)/tests/nvml-vendor
	@$(THROUGH_RING) tests/check/catch.sh $(LIMIT) $(O)/tests/nvml
	@$(VGPU_RUN) --driver soft --memory-limit 256M -- tests/check/catch.sh $(LIMIT) $(O)/tests/nvml
	@tests/nvml/vendor/run.sh $(O) $(LIMIT)
# With NVIDIA's runtime library in the process, and with ours through a ring. Where there is no device, GCC's programs fail.
# What the linker makes of two parts, the software GPU takes as PTX.
check-libraries: all $(O)/tests/vkfft $(O)/tests/jit_link $(OFFLOADED)
	@$(NATIVE):$(CUDA_HOME)/lib64 timeout $(LIMIT) $(O)/tests/vkfft
	@LD_LIBRARY_PATH=$(CUDART_OURS):$(CUDA_HOME)/lib64 timeout $(LIMIT) $(THROUGH_RING) $(O)/tests/vkfft
	@$(NATIVE):$(CUDA_HOME)/lib64 timeout $(LIMIT) $(O)/tests/jit_link ptx
	@LD_LIBRARY_PATH=$(CUDA_HOME)/lib64 timeout $(LIMIT) $(THROUGH_RING) $(O)/tests/jit_link ptx
	@for program in $(OFFLOADED); do \
	  $(NATIVE) OMP_TARGET_OFFLOAD=MANDATORY timeout $(LIMIT) $$program && \
	  OMP_TARGET_OFFLOAD=MANDATORY timeout $(LIMIT) $(THROUGH_RING) $$program || exit 1; done
check-nvml-clients: all $(O)/tests/smi/holder
	@tests/nvml/clients/run.sh $(O)
check-profile: all $(SAMPLER) build/programs/shared/look_back
	@tests/check/profile.sh $(O) build/programs/shared/look_back
check-host: host-tests
check-hostile: all $(O)/tests/hostile
	@tests/check/catch.sh $(LIMIT) $(O)/tests/hostile
check-asan-%: build/deps.all
	@$(MAKE) --no-print-directory VARIANT=asan check-$*

# clang sees every file with its warnings: here those that it does not compile for check-asan-build.
CLANG_CHECKS := $(filter-out $(patsubst $(O)/obj/%,$(O)/clang/%.ok,$(basename $(INSTRUMENTED:.baseline.o=.o))), \
                  $(patsubst %.cpp,$(O)/clang/%.ok,$(shell git ls-files -co --exclude-standard '*.cpp' 2>/dev/null)))
check-clang: $(CLANG_CHECKS)
$(O)/clang/%.ok: %.cpp | $(GEN)/stamp build/deps.all
	@mkdir -p $(@D)
	@echo "  CLANG $<"
	@$(CLANG) $(CPPFLAGS) $(CXXFLAGS) $(CXXFLAGS.$(call room,$*)) $(CXXFLAGS.$*) -fsyntax-only -MMD -MP -MT $@ -MF $(@:.ok=.d) $<
	@touch $@
-include $(shell find $(O)/clang -name '*.d' 2>/dev/null)

.PHONY: check check-rooms check-licences check-format check-opcodes check-docs check-build check-exports check-unit \
        check-cudart check-cudart12 check-runtime check-runtime12 check-wrong-calls check-wrong-calls12 check-ptx check-ptx-forms check-ptx-ring check-contract \
        check-libraries check-nvml check-nvml-clients check-profile check-ring check-host check-hostile check-clang

# Files that clang-format and clang-tidy look after.
SOURCES := $(shell git ls-files -co --exclude-standard '*.cpp' '*.h' '*.cu' 2>/dev/null | grep -vE '\.(api|rows)\.h$$|^kmod/|^include/uapi/')
CLANG_FORMAT := clang-format-14
format: build/deps.all
	@$(CLANG_FORMAT) -i $(SOURCES)
format-check: build/deps.all
	@$(CLANG_FORMAT) --dry-run -Werror $(SOURCES)

# One stamp per file, so that only what changed is looked at again; the checks and their reasons are in .clang-tidy.
CLANG_TIDY  := clang-tidy-14
TIDY_CHECKS := $(patsubst %.cpp,$(O)/tidy/%.ok,$(filter %.cpp,$(SOURCES)))
tidy: $(TIDY_CHECKS)
$(O)/tidy/%.ok: %.cpp .clang-tidy tests/.clang-tidy | $(GEN)/stamp build/deps.all
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	@$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(CPPFLAGS) $(CXXFLAGS) $(CXXFLAGS.$(firstword $(subst /, ,$*))) $(CXXFLAGS.$*) \
	  $(if $(filter softgpu/machine/ops/%,$<),$(SOFT_OPS_FLAGS) -DVGPU_ISA=baseline) -MMD -MP -MT $@ -MF $(@:.ok=.d) >$(@:.ok=.log) 2>&1 || { cat $(@:.ok=.log); exit 1; }
	@touch $@
-include $(shell find $(O)/tidy -name '*.d' 2>/dev/null)

.PHONY: format format-check tidy

# On a machine with an NVIDIA GPU: the tests natively, over the socket and in a guest. What a guest needs may not be to be
# had there; then its steps say so and fail. QEMU is fetched unless one that knows our device is installed.
GPU_NEEDS := all $(addprefix $(O)/tests/,contract ptx ptx_forms unload jit_link runtime nvml vm-client vm-qmp smi/holder gpu/proc_addresses gpu/nvml_values) $(PROGRAM_BINS) \
             $(TWELVE_BINS) $(TWELVE_TESTS) $(TOGETHER_TESTS) $(WRONG_CALLS)
gpu-check: $(GPU_NEEDS)
	@-$(MAKE) --no-print-directory gpu-guest
	@tests/gpu/check.sh $(O)
gpu-guest: build/deps.vm build/vm/ko/6.1.stamp
	@tests/vm/fetch rootfs kernel 6.1 $$(qemu-system-x86_64 -device help 2>/dev/null | grep -q '"vfio-user-pci"' || echo qemu)

# The same for a machine that has a card and neither network nor tools: build/gpu-pack is carried there, and its `run` started.
gpu-pack: $(GPU_NEEDS) $(O)/bench/vgpu-bench build/vm/ko/6.1.stamp build/deps.vm
	@tests/vm/fetch qemu virtiofsd rootfs kernel 6.1
	@tests/gpu/pack $(O)
# On the software GPU, in a root that has next to nothing.
check-gpu-pack: gpu-pack
	@tests/gpu/rehearse
.PHONY: gpu-check gpu-guest gpu-pack check-gpu-pack
