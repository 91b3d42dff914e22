// SPDX-License-Identifier: Apache-2.0
// A kernel launch: checks what NVIDIA's driver checks at the call, copies the parameters, and runs on the device's
// machine. Made by cuLaunch* and by graph kernel nodes; immutable, so a captured launch can run any number of times.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "softgpu/driver/function.h"
#include "softgpu/driver/operation.h"

namespace vgpu::soft {

class LibraryKernel;

// Attributes of cuLaunchKernelEx and of kernel nodes. Those that only tune hardware are kept and have no effect.
class LaunchAttributes {
 public:
  // INVALID_VALUE for an attribute that a launch does not have, INVALID_CLUSTER_SIZE, NOT_SUPPORTED.
  static CuResult<LaunchAttributes> of_launch(std::span<const CUlaunchAttribute> list);

  // Attributes of kernel nodes (CUkernelNodeAttrID): INVALID_VALUE for others.
  CUresult set_of_node(CUlaunchAttributeID id, const CUlaunchAttributeValue& value);
  CuResult<CUlaunchAttributeValue> get_of_node(CUlaunchAttributeID id) const;

  bool cooperative() const;
  std::optional<Dim3> cluster() const;
  // The value of an attribute of any kind, or null.
  const CUlaunchAttributeValue* find(CUlaunchAttributeID id) const;
  void set(CUlaunchAttributeID id, const CUlaunchAttributeValue& value);

 private:
  struct Entry {
    CUlaunchAttributeID id;
    CUlaunchAttributeValue value;
  };
  std::vector<Entry> entries_;
};

struct LaunchShape {
  Dim3 grid, block;
  unsigned shared_bytes = 0;
};

class KernelOperation final : public Operation {
 public:
  // `kernel_params` and `extra` as in cuLaunchKernel; the parameters are read now. Errors: INVALID_VALUE,
  // LAUNCH_OUT_OF_RESOURCES, COOPERATIVE_LAUNCH_TOO_LARGE, INVALID_CLUSTER_SIZE, those of lowering.
  static CuResult<Ref<KernelOperation>> create(Ref<ContextFunction> function, const LaunchShape& shape,
                                               LaunchAttributes attributes, void** kernel_params, void** extra);
  // The same launch with other attributes.
  CuResult<Ref<KernelOperation>> with(LaunchAttributes attributes) const;

  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_KERNEL; }
  CUresult run(Context& context) override;

  const Ref<ContextFunction>& function() const { return function_; }
  // What the launch call named, if it was told: a CUkernel, by which NVIDIA's runtime knows its kernels again, or the
  // function itself. Set before the launch is enqueued.
  void set_named(Ref<Callable> callable) { named_ = std::move(callable); }
  const Ref<Callable>& named() const { return named_; }
  const LaunchShape& shape() const { return shape_; }
  const LaunchAttributes& attributes() const { return attributes_; }
  // Pointers to the parameters, as kernelParams; they live as long as this. Null for a kernel without parameters.
  void** kernel_params() const;

 private:
  KernelOperation(Ref<ContextFunction> function, const Kernel& kernel, const LaunchShape& shape,
                  LaunchAttributes attributes);
  CUresult check() const;
  Dim3 cluster() const;  // of the launch, or what the kernel requires; 1 block: none
  CUresult check_cluster() const;
  CUresult check_cooperative() const;
  CUresult pack(void** kernel_params, void** extra);

  const Ref<ContextFunction> function_;
  Ref<Callable> named_;
  const Kernel& kernel_;
  const LaunchShape shape_;
  const LaunchAttributes attributes_;
  std::vector<std::byte> parameters_;
  std::vector<void*> pointers_;  // into parameters_
};

}  // namespace vgpu::soft
