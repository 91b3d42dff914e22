# SPDX-License-Identifier: Apache-2.0
# nvml: one binary against the public interface, run on whichever libnvidia-ml.so.1 the library path names.
NVML_TEST_OBJS := $(call obj,$(wildcard tests/nvml/*.tests.cpp))
$(O)/tests/nvml: $(NVML_TEST_OBJS) $(TEST_MAIN_OBJ) $(call obj,common/nvml/calls.cpp) $(NVML)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) -Wl,--no-as-needed $(NVML) -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

# The host's NVML is a library of our own there, and the software GPU has another name, so that it counts as a vendor's.
$(O)/tests/nvml-vendor: $(call obj,$(wildcard tests/nvml/vendor/*.tests.cpp)) $(TEST_MAIN_OBJ) $(NVML) | $(O)/tests/vendor/libnvidia-ml.so.1
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(filter %.o,$^) -Wl,--no-as-needed $(NVML) -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@
$(O)/tests/vendor/libnvidia-ml.so.1: $(call obj,tests/nvml/vendor/fake_library.cpp) $(SOFT_LIB)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared $(LDFLAGS) $< -o $@
	@ln -sf ../../lib/libcuda-soft.so.1 $(@D)/libcuda-other.so.1

# Not a part of `make check`: it needs Debian's non-free section.
nvml-layout:
	@tests/nvml/layout.sh build/nvml-layout
.PHONY: nvml-layout
