// SPDX-License-Identifier: Apache-2.0
// The device side of the runtime's contract tests, as host code sees it.
#pragma once

#include <cuda_runtime_api.h>

namespace runtime_test {

constexpr int kTableSize = 8;

// Host addresses of kernels and variables, as the runtime takes them.
const void* add_kernel();     // (int* out, int a, int b): *out = a + b
const void* scale_kernel();   // (int* data, int count): each times g_factor
const void* trap_kernel();    // ()
const void* wide_kernel();    // (int* out), 64 bytes of dynamic shared memory or more
const void* factor_symbol();  // int, 1 at first
const void* table_symbol();   // int[kTableSize], constant
int* managed_value();         // The address of a managed int, 5 at first

void launch_add(int blocks, int threads, cudaStream_t stream, int* out, int a, int b);

// A block of width x height threads reads a texture of floats in the middle of each texel, or at its index.
enum class Sampling { plain, linear, layer, level };  // `third` is the layer or the level
void launch_sample(cudaTextureObject_t texture, Sampling sampling, float third, float* out, int width, int height);
// Each element of a surface of floats times 2.
void launch_double_surface(cudaSurfaceObject_t surface, int width, int height);

}  // namespace runtime_test
