# SPDX-License-Identifier: Apache-2.0
# make fuzz: each fuzzer for FUZZ_SECONDS, with clang's libFuzzer under address and undefined-behaviour sanitizers;
# fuzz-NAME: one of them. What is found lies in build/fuzz/NAME/ as crash-*; the corpus grows beside it.
# make check-fuzz: the same functions on the same inputs each time, made by replay.cpp; build/asan/fuzz/NAME FILE runs what
# was found.
FUZZ_SECONDS ?= 20
FUZZ_CXX     ?= clang++
FUZZERS      := $(patsubst tests/fuzz/%.fuzz.cpp,%,$(wildcard tests/fuzz/*.fuzz.cpp))
# Enumerators come from the other side and go to a C driver as they are: the check for unknown ones is left out.
FUZZ_FLAGS   := -O1 -g1 -std=c++20 -pthread -fsanitize=address,undefined -fno-sanitize=enum -fno-sanitize-recover=undefined -DVGPU_SANITIZED \
                -D__CUDA_API_VERSION_INTERNAL

# What each fuzzer links besides itself.
FUZZ_COMMON         := $(wildcard common/*.cpp common/codec/*.cpp)
FUZZ_WORKER         := $(filter-out host/worker/main.cpp,$(wildcard host/worker/*.cpp host/worker/hand/*.cpp))
FUZZ.ptx_parser     := $(wildcard softgpu/ptx/*.cpp common/code/*.cpp) $(FUZZ_COMMON)
FUZZ.call_decoder   := $(FUZZ_COMMON)
FUZZ.control_message := $(filter-out host/daemon/main.cpp,$(wildcard host/daemon/*.cpp)) $(wildcard host/device/*.cpp host/vfio_user/*.cpp) \
                        host/holder/holder.cpp $(wildcard common/nvml/*.cpp) $(FUZZ_COMMON)
FUZZ.vfio_user      := host/vfio_user/connection.cpp $(addprefix host/device/,channel.cpp guest_memory.cpp run_list.cpp) $(FUZZ_COMMON)
FUZZ.hand_calls     := $(FUZZ_WORKER) $(wildcard common/code/*.cpp) common/face/error_names.cpp $(FUZZ_COMMON)
FUZZ.row_calls      := $(FUZZ.hand_calls)
FUZZ.code_image     := softgpu/ptx/image.cpp softgpu/ptx/object_file.cpp $(wildcard common/code/*.cpp) common/fatbin.cpp
FUZZ.ptx_machine    := $(wildcard softgpu/machine/*.cpp softgpu/machine/ops/*.cpp) $(FUZZ.ptx_parser)
FUZZ.reports        := $(filter-out common/nvml/report_client.cpp,$(wildcard common/nvml/*.cpp)) \
                       $(addprefix tools/vgpu_smi/,clean_text.cpp trace/record.cpp trace/print.cpp) $(FUZZ_COMMON)
# Texts to begin with, beside the corpus.
FUZZ_SEEDS.ptx_parser  := $(wildcard tests/ptx/*/)
FUZZ_SEEDS.ptx_machine := $(FUZZ_SEEDS.ptx_parser)
FUZZ_FLAGS.softgpu  := -fno-strict-aliasing -DVGPU_ISA=baseline

FUZZ_LIBS := -lfmt -lsystemd -ldrm -lseccomp -ldl -llz4 -lzstd

build/fuzz/obj/%.o: %.cpp | $(GEN)/stamp
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	@$(CCACHE) $(FUZZ_CXX) $(CPPFLAGS) $(FUZZ_FLAGS) $(FUZZ_FLAGS.$(call room,$*)) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

$(foreach fuzzer,$(FUZZERS),$(eval build/fuzz/bin/$(fuzzer): $(patsubst %.cpp,build/fuzz/obj/%.o,tests/fuzz/$(fuzzer).fuzz.cpp $(FUZZ.$(fuzzer)))))
build/fuzz/bin/%:
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ $(FUZZ_LIBS) -o $@

# Calls run on the software GPU, which is instrumented, too.
FUZZ_DRIVER := build/asan/lib/libcuda-soft.so.1
fuzz-driver:
	@$(MAKE) --no-print-directory VARIANT=asan $(FUZZ_DRIVER)

fuzz: $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: build/fuzz/bin/% fuzz-driver
	@mkdir -p build/fuzz/$*/corpus
	@echo "  RUN  $*, $(FUZZ_SECONDS) s"
	@VGPU_LOG=off VGPU_FUZZ_DRIVER=$(FUZZ_DRIVER) ASAN_OPTIONS=detect_leaks=0 build/fuzz/bin/$* -max_total_time=$(FUZZ_SECONDS) \
	  -timeout=20 -rss_limit_mb=4096 -max_len=4096 -artifact_prefix=build/fuzz/$*/ build/fuzz/$*/corpus $(FUZZ_SEEDS.$*) \
	  >build/fuzz/$*/log 2>&1 || { tail -40 build/fuzz/$*/log; exit 1; }
	@tail -1 build/fuzz/$*/log
.PHONY: fuzz fuzz-driver $(FUZZERS:%=fuzz-%)

# What all other code of this tree is compiled for already.
fuzz_objects = $(patsubst $(O)/obj/softgpu/machine/ops/%.o,$(O)/obj/softgpu/machine/ops/%.baseline.o,$(call obj,$(1)))
FUZZ_REPLAYS := $(FUZZERS:%=$(O)/fuzz/%)
FUZZ_CHANGED ?= 20000
# Each is hundreds of calls.
FUZZ_CHANGED.row_calls ?= 5000
$(foreach fuzzer,$(FUZZERS),$(eval $(O)/fuzz/$(fuzzer): $(call fuzz_objects,$(addprefix tests/fuzz/,$(fuzzer).fuzz.cpp replay.cpp) $(FUZZ.$(fuzzer)))))
$(FUZZ_REPLAYS):
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ $(FUZZ_LIBS) -o $@
check-fuzz: $(FUZZERS:%=check-fuzz-%)
	@echo "$(words $^) passed, 0 failed"
$(FUZZERS:%=check-fuzz-%): check-fuzz-%: $(O)/fuzz/% $(SOFT_LIB)
	@VGPU_LOG=off VGPU_FUZZ_DRIVER=$(SOFT_LIB) timeout 300 $< --changed $(or $(FUZZ_CHANGED.$*),$(FUZZ_CHANGED)) $(FUZZ_SEEDS.$*)
.PHONY: check-fuzz $(FUZZERS:%=check-fuzz-%)
