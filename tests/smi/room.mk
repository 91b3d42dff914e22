# SPDX-License-Identifier: Apache-2.0
# vgpu-smi over a library of which the tests know every answer, and over the software GPU.
SMI_FAKE_OBJS := $(call obj,$(wildcard tests/smi/fake/*.cpp))
SMI_FAKE      := $(O)/tests/smi/libnvidia-ml.so.1
$(SMI_FAKE): $(SMI_FAKE_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) -shared -Wl,-soname,libnvidia-ml.so.1 $^ -o $@
SMI_TEST_OBJS := $(call obj,$(wildcard tests/smi/*.tests.cpp tools/vgpu_smi/doctor/device.cpp tools/vgpu_smi/doctor/releases.cpp tools/vgpu_smi/daemon/*.cpp tools/vgpu_smi/trace/*.cpp $(addprefix tools/vgpu_smi/,clean_text.cpp fit.cpp nvml.cpp similar.cpp topology.cpp card.cpp)))
SMI_TESTS     := $(O)/tests/smi/smi
$(SMI_TESTS): $(SMI_TEST_OBJS) $(TEST_MAIN_OBJ) $(COMMON_OBJS) | $(SMI_FAKE) $(O)/tests/smi/holder $(O)/tests/smi/caller
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lfmt -o $@
$(O)/tests/smi/holder $(O)/tests/smi/caller: $(O)/tests/smi/%: $(call obj,tests/smi/%.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

check-smi: all $(SMI_TESTS)
	@tests/check/catch.sh $(LIMIT) $(SMI_TESTS)
.PHONY: check-smi
