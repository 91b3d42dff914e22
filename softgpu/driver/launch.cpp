// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/launch.h"

#include <algorithm>
#include <cstring>

#include "common/log.h"
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/conditional.h"
#include "softgpu/driver/occupancy.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

// Limits that all compute capabilities share (CUDA programming guide, technical specifications).
constexpr unsigned kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535;
constexpr unsigned kMaxBlockZ = 64;

uint64_t volume(const Dim3& size) { return uint64_t{size.x} * size.y * size.z; }

struct ParameterBuffer {
  const void* bytes = nullptr;
  size_t size = 0;
  bool given = false;
};

// The `extra` list of cuLaunchKernel.
CuResult<ParameterBuffer> read_extra(void** extra) {
  ParameterBuffer buffer;
  if (extra == nullptr) return buffer;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      buffer.bytes = extra[1];
      buffer.given = true;
    } else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      if (extra[1] == nullptr) return CUDA_ERROR_INVALID_VALUE;
      std::memcpy(&buffer.size, extra[1], sizeof buffer.size);
    } else {
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return buffer;
}

uint64_t next_grid_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// For the kernels of one run to ask.
class Limits final : public ContextLimits {
 public:
  explicit Limits(const Context& context) : context_(context) {}
  std::optional<uint64_t> limit(int number) const override {
    const CuResult<size_t> value = context_.limit(static_cast<CUlimit>(number));
    return value ? std::optional<uint64_t>(value.value()) : std::nullopt;
  }

 private:
  const Context& context_;
};

}  // namespace

KernelOperation::KernelOperation(Ref<ContextFunction> function, const Kernel& kernel, const LaunchShape& shape,
                                 LaunchAttributes attributes)
    : function_(std::move(function)), kernel_(kernel), shape_(shape), attributes_(std::move(attributes)) {}

CuResult<Ref<KernelOperation>> KernelOperation::create(Ref<ContextFunction> function, const LaunchShape& shape,
                                                       LaunchAttributes attributes, void** kernel_params,
                                                       void** extra) {
  const Kernel* const kernel = TRY(function->kernel());
  Ref<KernelOperation> launch(new KernelOperation(std::move(function), *kernel, shape, std::move(attributes)));
  VGPU_CHECK(launch->check());
  VGPU_CHECK(launch->pack(kernel_params, extra));
  return launch;
}

CuResult<Ref<KernelOperation>> KernelOperation::with(LaunchAttributes attributes) const {
  Ref<KernelOperation> launch(new KernelOperation(function_, kernel_, shape_, std::move(attributes)));
  VGPU_CHECK(launch->check());
  VGPU_CHECK(launch->pack(kernel_params(), nullptr));
  return launch;
}

CUresult KernelOperation::check() const {
  const DeviceLimits& limits = function_->context().device().limits();
  const Kernel::Attributes& code = kernel_.attributes();
  const Dim3 &grid = shape_.grid, &block = shape_.block;
  if (volume(grid) == 0 || volume(block) == 0) return CUDA_ERROR_INVALID_VALUE;
  if (grid.x > kMaxGridX || grid.y > kMaxGridYZ || grid.z > kMaxGridYZ) return CUDA_ERROR_INVALID_VALUE;
  const auto most_threads = static_cast<uint64_t>(limits.max_threads_per_block);
  if (block.x > most_threads || block.y > most_threads || block.z > kMaxBlockZ || volume(block) > most_threads)
    return CUDA_ERROR_INVALID_VALUE;
  if (volume(block) > code.max_threads_per_block) return CUDA_ERROR_INVALID_VALUE;
  const uint32_t(&required)[3] = code.required_threads;
  if (required[0] != 0 && (block.x != required[0] || block.y != required[1] || block.z != required[2]))
    return CUDA_ERROR_INVALID_VALUE;
  const int most_shared = TRY(function_->attribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES));
  if (shape_.shared_bytes > static_cast<unsigned>(most_shared)) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t warps = (volume(block) + 31) / 32;
  if (warps * 32 * code.registers > static_cast<uint64_t>(limits.registers_per_block))
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  VGPU_CHECK(check_cluster());
  return attributes_.cooperative() ? check_cooperative() : CUDA_SUCCESS;
}

Dim3 KernelOperation::cluster() const {
  const std::optional<Dim3> given = attributes_.cluster();
  // All zero means none, which is what a kernel node's attribute says when it was never set.
  if (given && (given->x != 0 || given->y != 0 || given->z != 0)) return *given;
  const uint32_t(&required)[3] = kernel_.attributes().required_cluster;
  return required[0] != 0 ? Dim3{required[0], required[1], required[2]} : Dim3{};
}

CUresult KernelOperation::check_cluster() const {
  const Dim3 blocks = cluster();
  if (volume(blocks) == 0) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  const auto portable = static_cast<uint64_t>(std::max(1, function_->context().device().limits().max_cluster_size));
  if (volume(blocks) > portable &&
      volume(blocks) > static_cast<uint64_t>(TRY(block_needs(*function_)).max_cluster_size))
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  const Dim3& grid = shape_.grid;
  if (grid.x % blocks.x != 0 || grid.y % blocks.y != 0 || grid.z % blocks.z != 0)
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  return CUDA_SUCCESS;
}

CUresult KernelOperation::check_cooperative() const {
  const Device& device = function_->context().device();
  const BlockNeeds needs = TRY(block_needs(*function_));
  const auto threads = static_cast<int>(volume(shape_.block));
  const int blocks = blocks_per_multiprocessor(device.limits(), needs, threads, shape_.shared_bytes);
  const auto resident = static_cast<uint64_t>(blocks) * static_cast<uint64_t>(device.multiprocessors());
  return volume(shape_.grid) > resident ? CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE : CUDA_SUCCESS;
}

CUresult KernelOperation::pack(void** kernel_params, void** extra) {
  const ParameterBuffer buffer = TRY(read_extra(extra));
  if (kernel_params != nullptr && buffer.given) return CUDA_ERROR_INVALID_VALUE;
  const std::span<const KernelParameter> layout = kernel_.parameters();
  parameters_.resize(kernel_.parameter_bytes());
  if (buffer.given) {
    if (buffer.size > parameters_.size()) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    if (buffer.size != 0 && buffer.bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (buffer.size != 0) std::memcpy(parameters_.data(), buffer.bytes, buffer.size);
  } else if (!layout.empty()) {
    if (kernel_params == nullptr) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < layout.size(); ++i) {
      if (kernel_params[i] == nullptr) return CUDA_ERROR_INVALID_VALUE;
      std::memcpy(parameters_.data() + layout[i].offset, kernel_params[i], layout[i].size);
    }
  }
  for (const KernelParameter& parameter : layout) pointers_.push_back(parameters_.data() + parameter.offset);
  return CUDA_SUCCESS;
}

void** KernelOperation::kernel_params() const {
  return pointers_.empty() ? nullptr : const_cast<void**>(pointers_.data());
}

CUresult KernelOperation::run(Context& context) {
  // A graph may outlive the contexts of its kernels.
  if (function_->code()->abandoned()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  Launch launch;
  launch.kernel = &kernel_;
  launch.grid = shape_.grid;
  launch.block = shape_.block;
  launch.cluster = cluster();
  launch.dynamic_shared_bytes = shape_.shared_bytes;
  launch.parameters = parameters_;
  launch.cooperative = attributes_.cooperative();
  const CuResult<size_t> stack = context.limit(CU_LIMIT_STACK_SIZE);
  Conditions conditions;
  const Limits limits(context);
  const Environment environment{context.output(),
                                context.heap(),
                                next_grid_id(),
                                static_cast<uint32_t>(stack ? stack.value() : 1024),
                                &context.device().textures(),
                                &conditions,
                                &context.device().facts(),
                                &limits};
  auto result = [&] {
    const std::shared_lock writes(Process::get()->memory().writers());
    return context.device().machine().run(launch, environment);
  }();
  if (result) return CUDA_SUCCESS;
  VGPU_ERROR("software GPU: %s", result.error().message.c_str());
  // What the kernel said, an assertion's text above all: calls in a failed context no longer get as far as to write it.
  context.flush_output();
  return result.error().code;
}

}  // namespace vgpu::soft
