# SPDX-License-Identifier: Apache-2.0
# kmod: the module's ioctls, tried from inside a guest: build/tests/kmod/uapi /dev/vgpu0. Static, for the smallest guest.
# The wire format that the host expects: ring.h is C++, the test is C.
RING_FORMAT = $(shell sed -n 's/^constexpr uint32_t kFormat = \([0-9]*\);/\1/p' include/vgpu/ring.h)
$(O)/tests/kmod/uapi: $(wildcard tests/kmod/uapi*.c) tests/kmod/uapi.h include/uapi/linux/vgpu.h include/vgpu/ring.h
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) -std=gnu11 -O1 -g1 -Wall -Wextra -Werror -Iinclude -DREAL_FORMAT=$(RING_FORMAT) -static -pthread $(filter %.c,$^) -o $@

# A user, and a kernel, that do everything to the device that can be done: tests/vm/hostile.tests.sh.
$(O)/tests/kmod/hostile $(O)/tests/kmod/registers: $(O)/tests/kmod/%: tests/kmod/%.c tests/kmod/chance.h include/vgpu/pci.h include/uapi/linux/vgpu.h include/vgpu/ring.h
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) -std=gnu11 -O1 -g1 -Wall -Wextra -Werror -I. -Iinclude -DREAL_FORMAT=$(RING_FORMAT) -static -pthread $(filter %.c,$^) -o $@
