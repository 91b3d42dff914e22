# SPDX-License-Identifier: Apache-2.0
# ggml's CUDA backend, as others built it, on our driver (docs/ollama.md).
$(O)/tests/ollama/tiny-gguf: $(call obj,$(addprefix tests/ollama/,tiny_gguf.cpp gguf_file.cpp quantise.cpp))
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@

$(O)/tests/ollama/harness: $(call obj,$(addprefix tests/ollama/,harness.cpp generate.cpp llama.cpp loader.cpp probe.cpp product.cpp quantise.cpp rounding.cpp))
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -ldl -o $@

$(O)/tests/ollama/no-vmm.so: $(call obj,tests/ollama/no_vmm.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) -shared $^ -ldl -o $@

OLLAMA_BINS := $(addprefix $(O)/tests/ollama/,harness tiny-gguf no-vmm.so)
check-ollama: all $(OLLAMA_BINS)
	@O=$(O) CUDA_HOME=$(CUDA_HOME) tests/ollama/check
check-ollama12: all $(OLLAMA_BINS)
	@O=$(O) CUDA_HOME=$(CUDA_HOME) tests/ollama/check12
# The same on a card: here, or packed for a machine that has one (docs/ollama.md).
OLLAMA_CARD_NEEDS := all $(OLLAMA_BINS) $(O)/tests/vm-client \
  $(addprefix build/programs/static/,device_query vector_add matrix_product streams threads nbody)
ollama-card: $(OLLAMA_CARD_NEEDS)
	@tests/ollama/fetch sm90
	@-$(MAKE) --no-print-directory gpu-guest
	@tests/ollama/card $(O)
ollama-pack: $(OLLAMA_CARD_NEEDS) build/vm/ko/6.1.stamp build/deps.vm
	@tests/ollama/fetch sm90
	@tests/vm/fetch qemu rootfs kernel 6.1
	@tests/ollama/pack $(O)
.PHONY: check-ollama check-ollama12 ollama-card ollama-pack
