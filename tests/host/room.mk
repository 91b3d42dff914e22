# SPDX-License-Identifier: Apache-2.0
# The daemon and the worker's process around a core that only tests: no CUDA driver is needed.
$(O)/tests/host/fake-worker: $(WORKER_SHELL_OBJS) $(call obj,tests/host/fake_core.cpp) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $(WORKER_LINK_FIRST) $^ -lseccomp -ldl $(WORKER_LINK_LAST) -o $@

$(O)/tests/host/client: $(call obj,tests/host/client.cpp) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@

host-tests: $(O)/bin/vgpud $(O)/bin/vgpu-holder $(O)/bin/vgpu-monitor $(O)/bin/vgpu-run $(O)/tests/host/fake-worker $(O)/tests/host/client
	@tests/host/run.sh $(O)
.PHONY: host-tests

# Clients that break every rule, against the real daemon, worker and software GPU.
HOSTILE_OBJS := $(call obj,tests/host/hostile_client.cpp $(wildcard tests/host/hostile*.tests.cpp))
$(O)/tests/hostile: $(HOSTILE_OBJS) $(O)/obj/tests/support/main.o $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -o $@

hostile-tests: $(O)/tests/hostile $(O)/bin/vgpud $(O)/bin/vgpu-monitor $(O)/bin/vgpu-worker $(SOFT_LIB)
	@$<
.PHONY: hostile-tests
