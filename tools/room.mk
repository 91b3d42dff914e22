# SPDX-License-Identifier: Apache-2.0
# apigen runs before anything else is compiled: build/gen holds what it reads from the toolkit's headers. A table that
# stays the same keeps its time, so that nothing is compiled again.
build/tools/apigen: tools/apigen.cpp tools/generator.h | build/deps.build
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	@$(CXX) -std=c++20 -O1 $(WARNINGS) -I. $< -o $@

$(GEN)/stamp: build/tools/apigen build/tools/cudartgen build/tools/error_texts include/vgpu/api/opcodes.lock common/face/unlisted.inc $(wildcard libcuda/cudart*/exports.lock) libcuda/cudart12/declarations.h
	@mkdir -p $(GEN)
	@test -r $(CUDA_HOME)/include/cuda.h || { echo "The CUDA toolkit's headers are needed: install the toolkit and set CUDA_HOME (now $(CUDA_HOME))." >&2; exit 1; }
	@printf '#include <cuda.h>\n#include <cudaProfiler.h>\n' | $(CXX) -E -P -D__CUDA_API_VERSION_INTERNAL -isystem $(CUDA_HOME)/include -x c - > $(GEN)/cuda_declarations.txt
	@cat $(CUDA_HOME)/include/cudaTypedefs.h $(CUDA_HOME)/include/cudaProfilerTypedefs.h > $(GEN)/cuda_typedefs.txt
	@cat $(CUDA_HOME)/include/cudaGLTypedefs.h $(CUDA_HOME)/include/cudaEGLTypedefs.h $(CUDA_HOME)/include/cudaVDPAUTypedefs.h > $(GEN)/cuda_interop_typedefs.txt
	@echo "  GEN  $(GEN)"
	@mkdir -p $(GEN)/new
	@build/tools/apigen $(GEN)/cuda_declarations.txt $(GEN)/cuda_typedefs.txt $(GEN)/cuda_interop_typedefs.txt include/vgpu/api/opcodes.lock common/face/unlisted.inc $(GEN)/new
	@printf '#include <cuda_runtime_api.h>\n#include <cuda_profiler_api.h>\n' | $(CXX) -E -P -isystem $(CUDA_HOME)/include -x c - > $(GEN)/cudart_declarations.txt
	@build/tools/cudartgen $(GEN)/cudart_declarations.txt libcuda/cudart/exports.lock libcudart.so.13 $(GEN)/new cudart
	@build/tools/cudartgen $(GEN)/cudart_declarations.txt libcuda/cudart12/exports.lock libcudart.so.12 $(GEN)/new cudart12 libcuda/cudart12/declarations.h
	@build/tools/error_texts > $(GEN)/new/error_texts.inc
	@for file in $(GEN)/new/*; do cmp -s $$file $(GEN)/$${file##*/} || cp $$file $(GEN)/; done
	@touch $@

$(GEN)/cuda.map: $(GEN)/stamp ;

# The same for the runtime's headers.
build/tools/cudartgen: tools/cudartgen.cpp tools/generator.h | build/deps.build
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	@$(CXX) -std=c++20 -O1 $(WARNINGS) -I. $< -o $@

# This one asks the library that nvcc links into programs.
build/tools/error_texts: tools/error_texts.cpp | build/deps.build
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	@$(CXX) -std=c++20 -O1 $(WARNINGS) -isystem $(CUDA_HOME)/include $< -L$(CUDA_HOME)/lib64 -lcudart_static -ldl -lrt -pthread -o $@

$(GEN)/libcudart.so.%.map: $(GEN)/stamp ;

# vgpu-run: one program with a vgpud of its own.
VGPU_RUN_OBJS := $(call obj,$(wildcard tools/vgpu_run/*.cpp))
ARTEFACTS     += $(O)/bin/vgpu-run
$(O)/bin/vgpu-run: $(VGPU_RUN_OBJS) $$(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lfmt -o $@

# vgpu-smi: what the GPU and its users do, by any libnvidia-ml.so.1, which it opens at run time. It brings its libraries
# along: a guest has no other use for them.
# Says itself how fmt is included.
NOT_AHEAD     += tools/vgpu_smi/format_code
VGPU_SMI_OBJS := $(call obj,$(wildcard tools/vgpu_smi/*.cpp tools/vgpu_smi/*/*.cpp))
ARTEFACTS     += $(if $(VARIANT),,$(O)/bin/vgpu-smi)
$(O)/bin/vgpu-smi: $(VGPU_SMI_OBJS) $$(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(STATIC_RUNTIME) $^ -ldl -o $@

# In a guest, as root; the module is modules_install's or dkms_install's.
guest_install: all
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) tools/guest-install.sh $(O)
.PHONY: guest_install

# apidump: the coverage page, from the rows themselves.
APIDUMP_OBJS := $(call obj,$(wildcard tools/apidump/*.cpp) common/api_rows.cpp)
CXXFLAGS.tools/apidump/apidump := -D__CUDA_API_VERSION_INTERNAL
$(O)/bin/apidump: $(APIDUMP_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@

# Unmodified nvcc programs on the software GPU, on this machine; `make demo` shows them in a guest.
DEMO_PROGRAMS := device_query vector_add matrix_product graph streams
demo-local:
	@$(ALL_PROCESSORS) all $(addprefix build/programs/static/,$(DEMO_PROGRAMS))
	@tools/demo-local.sh $(O) build/programs/static
.PHONY: demo-local
