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
.PHONY: check-ollama check-ollama12
