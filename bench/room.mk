# SPDX-License-Identifier: Apache-2.0
# make bench: one binary against the public driver API (it links the toolkit's stub), run natively and through us in
# turn. BENCHFLAGS are its options, e.g. make bench BENCHFLAGS="--rows launch --rounds 3".
BENCH_OBJS := $(call obj,$(wildcard bench/*.cpp) common/fd.cpp)
BENCH      := $(O)/bench/vgpu-bench
CXXFLAGS.bench/runtime := -DVGPU_TOOLKIT_CUDART='"$(CUDA_HOME)/lib64/libcudart.so.13"'

# The RUNPATH lets the process start that only starts others; samples get their library from LD_LIBRARY_PATH.
$(BENCH): $(BENCH_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -lfmt '-Wl,-rpath,$$ORIGIN/../soft' -o $@

# What bench/profile.py loads into the programs that it watches.
SAMPLER := $(O)/bench/sampler.so
$(SAMPLER): $(call obj,bench/profile/sampler.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) -shared $^ -o $@

bench: $(BENCH) $(SAMPLER) $(ARTEFACTS)
	@$(BENCH) $(BENCHFLAGS)
.PHONY: bench

# The rows that a VM changes, in a guest; BENCHFLAGS as above.
bench-vm: $(BENCH) $(ARTEFACTS) $(VM_MODULES) vm-fetch
	@BUILD=$(abspath $(O)) bench/vm $(BENCHFLAGS)
.PHONY: bench-vm
