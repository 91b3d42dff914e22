// SPDX-License-Identifier: Apache-2.0
// Functions of the program that run in stream order: cuLaunchHostFunc and cuStreamAddCallback. They run on a worker
// thread and may not call CUDA there (HostFunctionScope makes such calls fail).
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {

CUresult HostOperation::run(Context& context) {
  context.flush_output();  // Device text is written before host functions run (programming guide, "Formatted output").
  const HostFunctionScope scope;
  parameters_.fn(parameters_.userData);
  return CUDA_SUCCESS;
}

namespace {

// cuStreamAddCallback: also told of failures, and not part of graphs.
class CallbackOperation final : public Operation {
 public:
  CallbackOperation(CUstream stream, CUstreamCallback function, void* data)
      : stream_(stream), function_(function), data_(data) {}
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_HOST; }
  bool runs_after_failure() const override { return true; }
  CUresult run(Context& context) override {
    context.flush_output();
    const HostFunctionScope scope;
    function_(stream_, context.error(), data_);
    return CUDA_SUCCESS;
  }

 private:
  const CUstream stream_;
  const CUstreamCallback function_;
  void* const data_;
};

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return stream->enqueue(make_ref<HostOperation>(fn, userData));
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (callback == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(stream->refuse_in_capture());
  return stream->enqueue(make_ref<CallbackOperation>(hStream, callback, userData));
}

}  // extern "C"
