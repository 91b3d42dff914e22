# SPDX-License-Identifier: Apache-2.0
# libcuda-soft.so.1: a CUDA driver whose GPU is the CPU. $(O)/soft is a library path for running programs natively on it.
SOFT_PTX_OBJS     := $(call obj,$(wildcard softgpu/ptx/*.cpp)) $(CODE_OBJS)
# Instruction classes are compiled once per level of the host's instruction set; the machine picks one when it starts. An
# instrumented build has the lowest alone, not optimised: they have the same source, and compiling takes longer than running.
SOFT_ISAS         := baseline $(if $(VARIANT),,v3)
SOFT_OPS_SRCS     := $(wildcard softgpu/machine/ops/*.cpp)
SOFT_OPS_OBJS     := $(foreach isa,$(SOFT_ISAS),$(SOFT_OPS_SRCS:%.cpp=$(O)/obj/%.$(isa).o))
SOFT_MACHINE_OBJS := $(call obj,$(wildcard softgpu/machine/*.cpp)) $(SOFT_OPS_OBJS)
SOFT_DRIVER_OBJS  := $(call obj,$(wildcard softgpu/driver/*.cpp))
SOFT_OBJS         := $(SOFT_PTX_OBJS) $(SOFT_MACHINE_OBJS) $(SOFT_DRIVER_OBJS)
SOFT_LIB          := $(O)/lib/libcuda-soft.so.1
ARTEFACTS         += $(SOFT_LIB) $(O)/soft/libcuda.so.1 $(O)/soft/libcuda.so

# Rows of registers are read under several types. No contraction: an fma is an instruction of its own in PTX.
CXXFLAGS.softgpu  := -fno-strict-aliasing
# Loops over lanes that exist once, for any host.
CXXFLAGS.softgpu/machine/warp_sync := $(if $(VARIANT),,-O3)
SOFT_OPS_FLAGS    := -fno-strict-aliasing -ffp-contract=off -fno-math-errno -fno-trapping-math $(if $(VARIANT),-O0,-O3)
SOFT_ISA.baseline :=
SOFT_ISA.v3       := -march=x86-64-v3

# A weak symbol outside of its level's namespace could replace the same function of a lower level: refused.
define SOFT_OPS_RULE
$(O)/obj/softgpu/machine/ops/%.$(1).o: softgpu/machine/ops/%.cpp | $(GEN)/stamp
	@mkdir -p $$(@D)
	@echo "  CXX  $$< ($(1))"
	@$$(CCACHE) $$(CXX) $$(CPPFLAGS) $$(CXXFLAGS) $$(SOFT_OPS_FLAGS) $$(SOFT_ISA.$(1)) -DVGPU_ISA=$(1) -MMD -MP -c $$< -o $$@
	@$(if $(VARIANT),,! nm -C $$@ | grep ' [WVu] ' | grep -v 'vgpu::soft::$(1)::' || { rm -f $$@; exit 1; })
endef
$(foreach isa,$(SOFT_ISAS),$(eval $(call SOFT_OPS_RULE,$(isa))))

# nodelete: its threads run until the process ends, so dlclose must not take the code away under them.
$(SOFT_LIB): $(SOFT_OBJS) $(FACE_OBJS) $(COMMON_OBJS) $(GEN)/cuda.map
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared -Wl,-soname,libcuda-soft.so.1 -Wl,--version-script=$(GEN)/cuda.map $(NO_UNDEFINED) -Wl,-z,nodelete -Wl,-Bsymbolic \
	  $(STATIC_RUNTIME) $(LDFLAGS) $(filter %.o,$^) -llz4 -lzstd -ldl -o $@.new && mv $@.new $@

$(O)/soft/libcuda.so.1 $(O)/soft/libcuda.so: $(SOFT_LIB)
	@mkdir -p $(@D)
	@ln -sf ../lib/libcuda-soft.so.1 $@

soft: $(SOFT_LIB) $(O)/soft/libcuda.so.1 $(O)/soft/libcuda.so
.PHONY: soft
