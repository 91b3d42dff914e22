# SPDX-License-Identifier: Apache-2.0
# vgpud (host/daemon, with host/vfio_user and host/device for VMs), vgpu-worker (host/worker) and vgpu-holder. Neither links libcuda: the worker dlopens a driver, the daemon none.
DAEMON_OBJS := $(call obj,$(wildcard host/daemon/*.cpp host/device/*.cpp host/vfio_user/*.cpp) host/holder/holder.cpp)
CPPFLAGS    += -isystem /usr/include/libdrm
WORKER_OBJS := $(call obj,$(wildcard host/worker/*.cpp host/worker/hand/*.cpp) common/face/error_names.cpp)
# The worker's process without its core: the host tests put a core of their own in its place.
WORKER_SHELL_OBJS := $(call obj,$(addprefix host/worker/,control_channel.cpp crash_report.cpp main.cpp own_threads.cpp probe.cpp sandbox.cpp shared_range_table.cpp syscall_filter.cpp))
ARTEFACTS   += $(O)/bin/vgpud $(O)/bin/vgpu-worker $(O)/bin/vgpu-holder
# vgpu-monitor reads the card for vgpud, in a worker's sandbox.
MONITOR_OBJS := $(call obj,$(wildcard host/monitor/*.cpp) $(addprefix host/worker/,sandbox.cpp syscall_filter.cpp))
ARTEFACTS   += $(O)/bin/vgpu-monitor
# Guest programs are usually loaded at 0x55..., or at 4 MiB, and mapped at 0x7f...; the worker keeps clear of both,
# because pages are shared at the same address. Only the start files of shared objects reach that far.
# Sanitizers insist on a layout of their own.
crt_files = $(foreach file,$(1),$(shell $(CXX) -print-file-name=$(file)))
WORKER_LINK_FIRST = $(if $(VARIANT),,-no-pie -nostartfiles -Wl,--no-relax,-Ttext-segment=0x100000000000 $(call crt_files,Scrt1.o crti.o crtbeginS.o))
WORKER_LINK_LAST  = $(if $(VARIANT),,$(call crt_files,crtendS.o crtn.o))

$(O)/bin/vgpud: $(DAEMON_OBJS) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lfmt -lsystemd -ldrm -o $@

$(O)/bin/vgpu-worker: $(WORKER_OBJS) $(CODE_OBJS) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(WORKER_LINK_FIRST) $^ -lseccomp -lfmt -llz4 -lzstd -ldl $(WORKER_LINK_LAST) -o $@

$(O)/bin/vgpu-monitor: $(MONITOR_OBJS) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lseccomp -lfmt -ldl -o $@

$(O)/bin/vgpu-holder: $(call obj,host/holder/main.cpp common/fd.cpp)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(STATIC_RUNTIME) $^ -o $@

include tests/host/room.mk
