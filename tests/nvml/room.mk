# SPDX-License-Identifier: Apache-2.0
# nvml: one binary against the public interface, run on whichever libnvidia-ml.so.1 the library path names.
NVML_TEST_OBJS := $(call obj,$(wildcard tests/nvml/*.tests.cpp))
$(O)/tests/nvml: $(NVML_TEST_OBJS) $(TEST_MAIN_OBJ) $(call obj,common/nvml/calls.cpp) $(NVML)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) -Wl,--no-as-needed $(NVML) -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

# Not a part of `make check`: it needs Debian's non-free section.
nvml-layout:
	@tests/nvml/layout.sh build/nvml-layout
.PHONY: nvml-layout
