# SPDX-License-Identifier: Apache-2.0
# The whole interface: make, make check, make format, make tidy, make asan, make tsan, make bench, make clean, make deps.
# Each room lists its own sources and artefacts in <room>/room.mk; adding a source file needs no edit here.

CUDA_HOME ?= $(firstword $(wildcard /usr/local/cuda $(patsubst %/bin/nvcc,%,$(shell command -v nvcc 2>/dev/null))) /usr/local/cuda)
CXX       ?= g++
CC        ?= gcc
CCACHE    := $(shell command -v ccache 2>/dev/null)

# VARIANT selects an instrumented build, in a tree of its own: "", asan (address and undefined behaviour) or tsan.
VARIANT   ?=
O         := build$(if $(VARIANT),/$(VARIANT))
GEN       := build/gen

WARNINGS  := -Wall -Wextra -Wconversion -Wshadow -Werror
SANITIZE.asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DVGPU_SANITIZED
SANITIZE.tsan := -fsanitize=thread -fno-omit-frame-pointer -DVGPU_SANITIZED
SANITIZE  := $(SANITIZE.$(VARIANT))
OPT       ?= $(if $(VARIANT),-O1,-O2)
CPPFLAGS  := -I. -Iinclude -I$(GEN) -isystem $(CUDA_HOME)/include
CXXFLAGS  := -std=c++20 $(OPT) -g1 -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -pthread $(WARNINGS) $(SANITIZE)
LDFLAGS   := -pthread $(SANITIZE) -Wl,--as-needed
# A library that lives in other people's processes brings its C++ runtime along; an instrumented one cannot.
STATIC_RUNTIME := $(if $(VARIANT),,-static-libstdc++ -static-libgcc)

# Rows and drivers name exported symbols, not the header macros that rename them.
CXXFLAGS.common  = -D__CUDA_API_VERSION_INTERNAL
CXXFLAGS.host    = -D__CUDA_API_VERSION_INTERNAL
CXXFLAGS.libcuda = -D__CUDA_API_VERSION_INTERNAL

.DEFAULT_GOAL := all
.SECONDEXPANSION:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

obj = $(patsubst %.cpp,$(O)/obj/%.o,$(1))

ROOMS := common tools softgpu libcuda host tests bench
include $(wildcard $(addsuffix /room.mk,$(ROOMS)))

all: $(ARTEFACTS)

# Everything that includes cuda.h-derived tables waits for the generator.
$(O)/obj/%.o: %.cpp | $(GEN)/stamp
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	@$(CCACHE) $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(CXXFLAGS.$(firstword $(subst /, ,$*))) $(CXXFLAGS.$*) -MMD -MP -c $< -o $@

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all clean
