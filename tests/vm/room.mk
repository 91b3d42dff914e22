# SPDX-License-Identifier: Apache-2.0
# Guests: QEMU, kernels and build roots are fetched into build/vm, the module is built for each kernel, and the tests of
# tests/vm boot them. Nothing is installed but the packages of `tools/deps.sh vm`.
VM_KERNELS    := 6.1 6.12 7.3
VM_MODULES    := $(VM_KERNELS:%=build/vm/ko/%.stamp)
KMOD_SOURCES  := $(wildcard kmod/* include/vgpu/pci.h include/uapi/linux/*.h)
VM_PROGRAMS   := $(addprefix build/programs/static/,device_query vector_add matrix_product streams threads nbody)

$(O)/tests/vm-qmp: $(call obj,tests/vm/qmp.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@
$(O)/tests/vm-client: $(call obj,tests/vm/client.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -L$(CUDA_HOME)/lib64/stubs -lcuda -o $@

build/deps.vm: tools/deps.sh
	@mkdir -p $(@D)
	@tools/deps.sh vm
	@touch $@

vm-fetch: build/deps.vm
	@tests/vm/fetch qemu rootfs systemd $(foreach k,$(VM_KERNELS),kernel $(k))

build/vm/ko/%.stamp: $(KMOD_SOURCES) | build/deps.vm
	@tests/vm/build-module $*
	@touch $@
vm-modules: $(VM_MODULES)

# Every test, or NAMES="pattern..."; check-vm has those that fit into a few minutes without KVM.
VM_NEEDS := all $(VM_PROGRAMS) $(addprefix $(O)/tests/,contract nvml kmod/uapi kmod/hostile kmod/registers vm-qmp vm-client smi/holder smi/caller) $(OLLAMA_BINS) $(VM_MODULES)
vm: $(VM_NEEDS) vm-fetch
	@BUILD=$(abspath $(O)) tests/vm/run-tests all $(NAMES)
check-vm: $(VM_NEEDS) vm-fetch
	@BUILD=$(abspath $(O)) tests/vm/run-tests short $(NAMES)

dkms-check: build/deps.vm
	@tests/vm/dkms $(VM_KERNELS)

# Without DKMS: for the kernel that runs here, with its own headers. As root: make modules_install.
KERNEL_BUILD ?= /lib/modules/$(shell uname -r)/build
modules:
	@tools/module-source.sh build/modules
	@$(MAKE) -C $(KERNEL_BUILD) M=$(CURDIR)/build/modules/kmod modules
modules_install: modules
	@$(MAKE) -C $(KERNEL_BUILD) M=$(CURDIR)/build/modules/kmod modules_install
	@depmod -a

# With DKMS, for every kernel to come, as root.
DKMS_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
dkms_install:
	@tools/module-source.sh $(DESTDIR)/usr/src/vgpu-$(DKMS_VERSION)
	@$(if $(DESTDIR),:,dkms install vgpu/$(DKMS_VERSION))

# The demonstration: a guest whose only special device is ours.
demo:
	@$(ALL_PROCESSORS) all $(addprefix build/programs/static/,device_query vector_add matrix_product) build/deps.vm
	@BUILD=$(abspath $(O)) tools/demo.sh

.PHONY: check-vm demo dkms-check dkms_install modules modules_install vm vm-fetch vm-modules
