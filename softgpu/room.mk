# SPDX-License-Identifier: Apache-2.0
# libcuda-soft.so.1: a CUDA driver whose GPU is the CPU. $(O)/soft is a library path for running programs natively on it.
SOFT_PTX_OBJS     := $(call obj,$(wildcard softgpu/ptx/*.cpp))
SOFT_MACHINE_OBJS := $(call obj,$(wildcard softgpu/machine/*.cpp))
SOFT_DRIVER_OBJS  := $(call obj,$(wildcard softgpu/driver/*.cpp))
SOFT_OBJS         := $(SOFT_PTX_OBJS) $(SOFT_MACHINE_OBJS) $(SOFT_DRIVER_OBJS)
SOFT_LIB          := $(O)/lib/libcuda-soft.so.1
ARTEFACTS         += $(SOFT_LIB) $(O)/soft/libcuda.so.1

$(SOFT_LIB): $(SOFT_OBJS) $(FACE_OBJS) $(COMMON_OBJS) $(GEN)/cuda.map
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared -Wl,-soname,libcuda-soft.so.1 -Wl,--version-script=$(GEN)/cuda.map -Wl,-z,defs -Wl,-Bsymbolic \
	  $(STATIC_RUNTIME) $(LDFLAGS) $(filter %.o,$^) -llz4 -lzstd -ldl -o $@

$(O)/soft/libcuda.so.1: $(SOFT_LIB)
	@mkdir -p $(@D)
	@ln -sf ../lib/libcuda-soft.so.1 $@

soft: $(SOFT_LIB) $(O)/soft/libcuda.so.1
.PHONY: soft
