# SPDX-License-Identifier: Apache-2.0
# vgpu-smi over a library of which the tests know every answer, and over the software GPU.
SMI_FAKE_OBJS := $(call obj,$(wildcard tests/smi/fake/*.cpp))
SMI_FAKE      := $(O)/tests/smi/libnvidia-ml.so.1
$(SMI_FAKE): $(SMI_FAKE_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) -shared -Wl,-soname,libnvidia-ml.so.1 $^ -o $@
