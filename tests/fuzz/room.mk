# SPDX-License-Identifier: Apache-2.0
# make fuzz: each fuzzer for FUZZ_SECONDS, with clang's libFuzzer under address and undefined-behaviour sanitizers. What
# is found lies in build/fuzz/<fuzzer>/ as crash-*; the corpus grows beside it.
FUZZ_SECONDS ?= 20
FUZZ_CXX     ?= clang++
FUZZERS      := $(patsubst tests/fuzz/%.fuzz.cpp,%,$(wildcard tests/fuzz/*.fuzz.cpp))
# Enumerators come from the other side and go to a C driver as they are: the check for unknown ones is left out.
FUZZ_FLAGS   := -O1 -g1 -std=c++20 -pthread -fsanitize=address,undefined -fno-sanitize=enum -fno-sanitize-recover=undefined -DVGPU_SANITIZED \
                -DVGPU_LIBFUZZER -D__CUDA_API_VERSION_INTERNAL

# What each fuzzer links besides itself.
FUZZ_COMMON         := $(wildcard common/*.cpp common/codec/*.cpp)
FUZZ_WORKER         := $(filter-out host/worker/main.cpp,$(wildcard host/worker/*.cpp host/worker/hand/*.cpp))
FUZZ.ptx_parser     := $(wildcard softgpu/ptx/*.cpp common/code/*.cpp) $(FUZZ_COMMON)
FUZZ.call_decoder   := $(FUZZ_COMMON)
FUZZ.control_message := $(filter-out host/daemon/main.cpp,$(wildcard host/daemon/*.cpp)) $(wildcard host/device/*.cpp host/vfio_user/*.cpp) \
                        host/holder/holder.cpp $(FUZZ_COMMON)
FUZZ.vfio_user      := host/vfio_user/connection.cpp $(addprefix host/device/,channel.cpp guest_memory.cpp run_list.cpp) $(FUZZ_COMMON)
FUZZ.hand_calls     := $(FUZZ_WORKER) $(wildcard common/code/*.cpp) common/face/error_names.cpp $(FUZZ_COMMON)

build/fuzz/obj/%.o: %.cpp | $(GEN)/stamp
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	@$(CCACHE) $(FUZZ_CXX) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

$(foreach fuzzer,$(FUZZERS),$(eval build/fuzz/bin/$(fuzzer): $(patsubst %.cpp,build/fuzz/obj/%.o,tests/fuzz/$(fuzzer).fuzz.cpp $(FUZZ.$(fuzzer)))))
build/fuzz/bin/%:
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ -lfmt -lsystemd -ldrm -lseccomp -ldl -llz4 -lzstd -o $@

# The hand-written calls run on the software GPU as it is.
fuzz: $(addprefix build/fuzz/bin/,$(FUZZERS)) $(SOFT_LIB)
	@for fuzzer in $(FUZZERS); do \
	  mkdir -p build/fuzz/$$fuzzer/corpus; \
	  echo "  RUN  $$fuzzer, $(FUZZ_SECONDS) s"; \
	  VGPU_LOG=off VGPU_FUZZ_DRIVER=$(SOFT_LIB) ASAN_OPTIONS=detect_leaks=0 build/fuzz/bin/$$fuzzer -max_total_time=$(FUZZ_SECONDS) \
	    -timeout=20 -rss_limit_mb=4096 -max_len=4096 -artifact_prefix=build/fuzz/$$fuzzer/ build/fuzz/$$fuzzer/corpus \
	    >build/fuzz/$$fuzzer/log 2>&1 || { tail -40 build/fuzz/$$fuzzer/log; exit 1; }; \
	  tail -1 build/fuzz/$$fuzzer/log; \
	done
.PHONY: fuzz
