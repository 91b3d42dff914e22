# SPDX-License-Identifier: Apache-2.0
# common: what every room may use. common/face: what every *CUDA driver* of ours (guest library, software GPU) shows
# to the outside in the same way: cuGetProcAddress, private export tables, error names.
COMMON_OBJS := $(call obj,$(wildcard common/*.cpp common/codec/*.cpp common/nvml/*.cpp))
# Needs the decompressors: for the software GPU and the worker, not for the guest's libraries.
CODE_OBJS   := $(call obj,$(wildcard common/code/*.cpp))
FACE_OBJS   := $(call obj,$(wildcard common/face/*.cpp))
# What of the face needs no driver around it: the unit tests link these.
FACE_UNIT_OBJS := $(call obj,common/face/context_storage.cpp common/face/error_names.cpp common/face/integrity.cpp common/face/md2.cpp)
