# SPDX-License-Identifier: Apache-2.0
# kmod: the module's ioctls, tried from inside a guest: build/tests/kmod/uapi /dev/vgpu0. Static, for the smallest guest.
$(O)/tests/kmod/uapi: tests/kmod/uapi.c tests/kmod/uapi_report.c tests/kmod/uapi.h include/uapi/linux/vgpu.h
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) -std=gnu11 -O1 -g1 -Wall -Wextra -Werror -Iinclude -static -pthread $(filter %.c,$^) -o $@
