# SPDX-License-Identifier: Apache-2.0
# libcuda.so.1 for guests. $(O)/lib/guest is the library path that vgpu-run gives to its child.
LIBCUDA_OBJS := $(call obj,$(wildcard libcuda/*.cpp libcuda/hand/*.cpp libcuda/bulk/*.cpp))
LIBCUDA      := $(O)/lib/guest/libcuda.so.1
ARTEFACTS    += $(LIBCUDA)

# nodelete: threads of the program call into it when they end, and threads of its own run until the process ends.
$(LIBCUDA): $(LIBCUDA_OBJS) $(FACE_OBJS) $(COMMON_OBJS) $(GEN)/cuda.map
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared -Wl,-soname,libcuda.so.1 -Wl,--version-script=$(GEN)/cuda.map $(NO_UNDEFINED) -Wl,-z,nodelete -Wl,-Bsymbolic \
	  $(STATIC_RUNTIME) -Wl,--exclude-libs,ALL $(LDFLAGS) $(filter %.o,$^) -o $@.new && mv $@.new $@

# The name without a version, as NVIDIA's installer makes it: programs of several kinds ask for no other, and linkers.
GUEST_LINKS := $(O)/lib/guest/libcuda.so $(if $(VARIANT),,$(O)/lib/guest/libnvidia-ml.so)
ARTEFACTS   += $(GUEST_LINKS)
$(GUEST_LINKS): %: %.1
	@ln -sf $(<F) $@

libcuda: $(LIBCUDA) $(O)/lib/guest/libcuda.so
.PHONY: libcuda

# libcudart.so.13 and .12: the runtime API over whichever driver the dynamic linker finds. Both have the same calls; what
# CUDA 12 named or laid out otherwise is in cudart12.
CUDART_OBJS    := $(call obj,$(wildcard libcuda/cudart/*.cpp) common/face/error_names.cpp)
CUDART_OBJS.13 := $(CUDART_OBJS)
CUDART_OBJS.12 := $(filter-out %/cudart/exports.o %/cudart/version.o,$(CUDART_OBJS)) $(call obj,$(wildcard libcuda/cudart12/*.cpp))
CUDARTS        := $(O)/lib/cudart/libcudart.so.13 $(O)/lib/cudart/libcudart.so.12
ARTEFACTS      += $(if $(VARIANT),,$(CUDARTS))

$(CUDARTS): $(O)/lib/cudart/libcudart.so.%: $$(CUDART_OBJS.%) $(GEN)/libcudart.so.%.map
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(GEN)/$(@F).map $(NO_UNDEFINED) -Wl,-Bsymbolic \
	  $(STATIC_RUNTIME) -Wl,--exclude-libs,ALL $(LDFLAGS) $(filter %.o,$^) -ldl -o $@.new && mv $@.new $@

cudart: $(CUDARTS)
.PHONY: cudart

# libnvidia-ml.so.1: what looks at the card. Its names are those of the rows, and the text of errors.
NVML_OBJS := $(call obj,$(wildcard libcuda/nvml/*.cpp))
NVML_ROWS := $(wildcard include/vgpu/nvml/*.rows.h)
NVML      := $(O)/lib/guest/libnvidia-ml.so.1
ARTEFACTS += $(if $(VARIANT),,$(NVML))

$(O)/gen/nvml.map: $(NVML_ROWS) libcuda/room.mk
	@mkdir -p $(@D)
	@{ echo '{ global: nvmlErrorString;'; sed -nE 's/^NVML\((nvml[A-Za-z0-9_]+),.*/\1;/p' $(NVML_ROWS) | sort; echo 'local: *; };'; } > $@

$(NVML): $(NVML_OBJS) $(COMMON_OBJS) $(O)/gen/nvml.map
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) -shared -Wl,-soname,libnvidia-ml.so.1 -Wl,--version-script=$(O)/gen/nvml.map $(NO_UNDEFINED) -Wl,-Bsymbolic \
	  $(STATIC_RUNTIME) -Wl,--exclude-libs,ALL $(LDFLAGS) $(filter %.o,$^) -o $@.new && mv $@.new $@
