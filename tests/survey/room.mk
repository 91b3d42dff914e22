# SPDX-License-Identifier: Apache-2.0
# survey: what the PTX of other people's programs needs and the software GPU does not run (docs/ptx.md).
SURVEY_OBJS := $(call obj,$(wildcard tests/survey/*.cpp))
$(O)/tests/survey: $(SURVEY_OBJS) $(SOFT_PTX_OBJS) $(SOFT_MACHINE_OBJS) $(COMMON_OBJS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(CXX) $(LDFLAGS) $^ -lfmt -llz4 -lzstd -ldl -o $@
