# SPDX-License-Identifier: Apache-2.0
# The whole interface is what `make help` prints.
# Each room lists its own sources and artefacts in <room>/room.mk; adding a source file needs no edit here.

CUDA_HOME ?= $(firstword $(wildcard /usr/local/cuda $(patsubst %/bin/nvcc,%,$(shell command -v nvcc 2>/dev/null))) /usr/local/cuda)
CXX       ?= g++
CC        ?= gcc
CLANG     := clang++-14
CCACHE    := $(shell command -v ccache 2>/dev/null)
# It does not keep what was compiled with headers compiled ahead, unless told to.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros

# VARIANT selects an instrumented build, in a tree of its own: "", asan (address and undefined behaviour) or tsan. Such a
# build has what its own tests run: what the unit and the contract tests need.
VARIANT   ?=
O         := build$(if $(VARIANT),/$(VARIANT))
GEN       := build/gen
# The build that is instrumented for addresses is clang's, so that clang's warnings about its files cost nothing more.
ifeq ($(VARIANT),asan)
override CXX := $(CLANG)
endif

WARNINGS  := -Wall -Wextra -Wconversion -Wshadow -Werror
# The address sanitizer reports accesses through null as well. Callers may put any number into CUDA's enums: compilers
# keep such values, and the driver answers CUDA_ERROR_INVALID_VALUE. And clang tells functions' types apart by C++'s names
# for them, which a driver that is loaded at run time does not have.
SANITIZE.asan := -fsanitize=address,undefined -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute,enum,function \
                 -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DVGPU_SANITIZED
# Fences are not followed by it, and the compiler warns of each.
SANITIZE.tsan := -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan -DVGPU_SANITIZED
SANITIZE  := $(SANITIZE.$(VARIANT))
OPT       ?= $(if $(VARIANT),-O1,-O2)
comma     := ,
CPPFLAGS  := -I. -Iinclude -I$(GEN) -isystem $(CUDA_HOME)/include
CXXFLAGS  := -std=c++20 $(OPT) -g1 -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -pthread $(WARNINGS) $(SANITIZE)
LDFLAGS   := -pthread $(SANITIZE) -Wl,--as-needed
# A library that lives in other people's processes brings its C++ runtime along; an instrumented one cannot.
STATIC_RUNTIME := $(if $(VARIANT),,-static-libstdc++ -static-libgcc)
# clang's sanitizers are in the program that loads an instrumented library.
NO_UNDEFINED   := $(if $(filter asan,$(VARIANT)),,-Wl$(comma)-z$(comma)defs)

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
include tests/check/checks.mk

all: $(ARTEFACTS)

# What most files include is compiled ahead of them, once per set of flags, for that is half of a file's cost. Where the
# result is missing or does not fit a file's own flags, g++ reads the headers themselves. `make AHEAD=` does without, and
# finds a file that does not include what it needs; so do clang-tidy, check-clang and the fuzzers.
room  = $(firstword $(subst /, ,$(1)))
AHEAD := plain softgpu tests tools
AHEAD_HEADER.tests := tests/support/precompiled.h
AHEAD_HEADER.tools := tools/precompiled.h
ahead = $(if $(or $(filter $(NOT_AHEAD),$(1)),$(if $(AHEAD),,none)),,$(O)/ahead/$(or $(filter $(call room,$(1)),$(AHEAD)),plain)/precompiled.h)
$(AHEAD:%=$(O)/ahead/%/precompiled.h.gch): $(O)/ahead/%/precompiled.h.gch: $$(or $$(AHEAD_HEADER.$$*),common/precompiled.h) | $(GEN)/stamp
	@mkdir -p $(@D)
	@echo "  CXX  $< ($*)"
	@echo '#include "$<"' > $(@:.gch=)
	@$(if $(VARIANT),,$(CCACHE)) $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(CXXFLAGS.$*) -MD -MP -MT $@ -MF $(@:.gch=.d) $(AHEAD_FLAGS.$(VARIANT)) -x c++-header $(@:.gch=) -o $@
-include $(wildcard $(O)/ahead/*/precompiled.d)
# clang's result names the tree in which it was made, and is refused where that tree is gone: ccache, which would bring it
# from another one, has no part in it. Without times in it, two results are equal, so ccache knows what they go into.
AHEAD_FLAGS.asan := -Xclang -fno-pch-timestamp

# Everything that includes cuda.h-derived tables waits for the generator, and that for the packages.
$(O)/obj/%.o: %.cpp $$(addsuffix .gch,$$(call ahead,$$*)) | $(GEN)/stamp
	@mkdir -p $(@D)
	@echo "  CXX  $<"
	@$(CCACHE) $(CXX) $(addprefix -include ,$(call ahead,$*)) $(CPPFLAGS) $(CXXFLAGS) $(CXXFLAGS.$(call room,$*)) $(CXXFLAGS.$*) -MMD -MP -c $< -o $@

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

# Missing packages are installed once per tree; `make deps` looks again.
build/deps.build: tools/deps.sh
	@mkdir -p $(@D)
	@tools/deps.sh build
	@touch $@
build/deps.all: tools/deps.sh
	@mkdir -p $(@D)
	@tools/deps.sh all
	@touch $@ build/deps.build

deps:
	@mkdir -p build
	@tools/deps.sh all
	@touch build/deps.build build/deps.all

# Tests of an instrumented build, in a tree of its own.
asan tsan: build/deps.all
	@$(MAKE) --no-print-directory VARIANT=$@ check-unit check-contract check-ring

docs: docs/coverage.md
docs/coverage.md: FORCE $(O)/bin/apidump
	@$(O)/bin/apidump $(sort $(wildcard tests/contract/*.tests.cpp)) > $(O)/coverage.md
	@cmp -s $(O)/coverage.md $@ || { echo "  DOCS $@"; cp $(O)/coverage.md $@; }

clean:
	rm -rf build

help:
	@echo "make            everything a user needs: libcuda.so.1, vgpud, vgpu-worker, the software GPU, vgpu-run (build/)"
	@echo "make check      all checks and tests, as CI runs them; make check-STEP runs one: $(CHECK_STEPS)"
	@echo "make asan|tsan  unit and contract tests, instrumented (build/asan, build/tsan)"
	@echo "make gpu-check  the tests on NVIDIA's driver: natively, over the socket, in a guest (needs a GPU)"
	@echo "make gpu-pack   all that gpu-check needs, to be carried to a machine with a GPU (build/gpu-pack)"
	@echo "make ollama-card  ggml's CUDA backend on a card, natively, through the ring, in a guest; make ollama-pack: to be carried"
	@echo "make programs   the sample programs, by nvcc (build/programs)"
	@echo "make fuzz       fuzzers of everything that reads what another process wrote; make fuzz-NAME: one of tests/fuzz"
	@echo "make bench      what calls, copies and instructions cost"
	@echo "make format     clang-format over the tree; make format-check only looks"
	@echo "make tidy       clang-tidy over what changed since the last good run"
	@echo "make demo       boots a guest with our GPU and runs unmodified CUDA programs in it; make demo-local: without a guest"
	@echo "make vm         all tests in guests, on three kernels; make check-vm: those that take minutes"
	@echo "make vm-modules builds vgpu.ko for those kernels (build/vm/ko); make dkms-check does it by DKMS"
	@echo "make modules    builds vgpu.ko for the kernel that runs here; make modules_install or dkms_install installs it"
	@echo "make guest_install  in a guest: libcuda.so.1, libnvidia-ml.so.1, vgpu-smi and the udev rule (PREFIX, DESTDIR)"
	@echo "make docs       docs/coverage.md, from the rows"
	@echo "make deps       installs missing Debian packages"
	@echo "make clean      removes build/"
	@echo "Variables: CUDA_HOME (now $(CUDA_HOME)), CXX, OPT, VARIANT=asan|tsan, O (now $(O))"

FORCE:
.PHONY: all asan clean deps docs FORCE help tsan
