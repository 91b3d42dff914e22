# SPDX-License-Identifier: Apache-2.0
# common: what every room may use. common/face: what every *CUDA driver* of ours (guest library, software GPU) shows
# to the outside in the same way: cuGetProcAddress, private export tables, error names.
COMMON_OBJS := $(call obj,$(wildcard common/*.cpp common/codec/*.cpp))
FACE_OBJS   := $(call obj,$(wildcard common/face/*.cpp))
