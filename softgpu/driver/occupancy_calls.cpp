// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Occupancy". Takes CUfunction and CUkernel alike.
#include <algorithm>

#include "softgpu/driver/launch.h"
#include "softgpu/driver/occupancy.h"

using namespace vgpu::soft;

namespace {

struct Question {
  Context* context;
  BlockNeeds needs;
  const DeviceLimits& limits() const { return context->device().limits(); }
};

CuResult<Question> ask(CUfunction handle) {
  Context* const context = TRY(current_context());
  const Ref<ContextFunction> function = TRY(find_launchable(handle, *context));
  return Question{context, TRY(block_needs(*function))};
}

bool are_known_flags(unsigned flags) { return (flags & ~unsigned{CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE}) == 0; }

// The block size with the most resident threads; the larger one where several have as many.
void best_block_size(const Question& question, int largest, CUoccupancyB2DSize shared_for, size_t dynamic_shared,
                     int* best_size, int* best_blocks) {
  int best_threads = 0;
  for (int size = largest; size > 0; size = (size - 1) / 32 * 32) {
    const size_t shared = shared_for != nullptr ? shared_for(size) : dynamic_shared;
    const int blocks = blocks_per_multiprocessor(question.limits(), question.needs, size, shared);
    if (blocks * size <= best_threads) continue;
    best_threads = blocks * size;
    *best_size = size;
    *best_blocks = blocks;
  }
}

CUresult check_config(const CUlaunchConfig& config) {
  return config.numAttrs != 0 && config.attrs == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize,
                                                             size_t dynamicSMemSize) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(numBlocks, func, blockSize, dynamicSMemSize,
                                                              CU_OCCUPANCY_DEFAULT);
}

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize,
                                                                      size_t dynamicSMemSize, unsigned int flags) {
  if (numBlocks == nullptr || blockSize <= 0 || !are_known_flags(flags)) {
    TRY(current_context());
    return CUDA_ERROR_INVALID_VALUE;
  }
  const Question question = TRY(ask(func));
  *numBlocks = blocks_per_multiprocessor(question.limits(), question.needs, blockSize, dynamicSMemSize);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                                  CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                                  int blockSizeLimit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, blockSizeToDynamicSMemSize,
                                                   dynamicSMemSize, blockSizeLimit, CU_OCCUPANCY_DEFAULT);
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                           CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                           size_t dynamicSMemSize, int blockSizeLimit,
                                                           unsigned int flags) {
  Context* const context = TRY(current_context());
  if (minGridSize == nullptr || blockSize == nullptr || blockSizeLimit < 0 || !are_known_flags(flags))
    return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> function = TRY(find_launchable(func, *context));
  const Question question{context, TRY(block_needs(*function))};
  int largest = TRY(function->attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK));
  if (blockSizeLimit != 0) largest = std::min(largest, blockSizeLimit);
  int size = 0, blocks = 0;
  best_block_size(question, largest, blockSizeToDynamicSMemSize, dynamicSMemSize, &size, &blocks);
  *blockSize = size;
  *minGridSize = blocks * context->device().multiprocessors();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyAvailableDynamicSMemPerBlock(size_t* dynamicSmemSize, CUfunction func, int numBlocks,
                                                         int blockSize) {
  const Question question = TRY(ask(func));
  if (dynamicSmemSize == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *dynamicSmemSize = TRY(dynamic_shared_for(question.limits(), question.needs, numBlocks, blockSize));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func, const CUlaunchConfig* config) {
  const Question question = TRY(ask(func));
  if (clusterSize == nullptr || config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_config(*config));
  if (question.limits().max_cluster_size == 0) return CUDA_ERROR_NOT_SUPPORTED;
  *clusterSize = question.needs.max_cluster_size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  const Question question = TRY(ask(func));
  if (numClusters == nullptr || config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_config(*config));
  if (question.limits().max_cluster_size == 0) return CUDA_ERROR_NOT_SUPPORTED;
  const LaunchAttributes attributes = TRY(LaunchAttributes::of_launch({config->attrs, config->numAttrs}));
  *numClusters = 0;
  const std::optional<Dim3> cluster = attributes.cluster();
  if (!cluster) return CUDA_SUCCESS;
  const unsigned blocks_of_cluster = cluster->x * cluster->y * cluster->z;
  if (blocks_of_cluster == 0) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  const auto threads = static_cast<int>(config->blockDimX * config->blockDimY * config->blockDimZ);
  const int blocks = blocks_per_multiprocessor(question.limits(), question.needs, threads, config->sharedMemBytes);
  const int clusters = blocks * question.context->device().multiprocessors() / static_cast<int>(blocks_of_cluster);
  // The blocks of a cluster take turns, so one fits wherever one of its blocks does.
  *numClusters = blocks > 0 ? std::max(1, clusters) : 0;
  return CUDA_SUCCESS;
}

}  // extern "C"
