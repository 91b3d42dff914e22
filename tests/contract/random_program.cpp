// SPDX-License-Identifier: Apache-2.0
#include "tests/contract/random_program.h"

#include <cstring>

#include "tests/contract/kernels.h"

// The calls' flavours for threads' own default streams have no prototypes beside the others'.
extern "C" decltype(cuLaunchKernel) cuLaunchKernel_ptsz;

namespace contract {
namespace {

// scale(word, value): *word = *word * (2 * value + 1) + value + EXTRA
// flip and count from kWordEntriesPtx
// wide(word, block): *word = *word * 31 + the block's first and last word; the parameters are 4 KiB
// shared(word, value, place): *word += value, by way of dynamic shared memory at `place`
// tick(): ticks = ticks * 3 + 1
constexpr char kText[] = R"(
.version 6.4
.target sm_52
.address_size 64
.extern .shared .align 4 .b8 room[];
.visible .global .align 4 .u32 ticks;

.visible .entry scale(.param .u64 word, .param .u32 value)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [value];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r2, [%rd1];
  shl.b32 %r3, %r1, 1;
  add.u32 %r3, %r3, 1;
  mad.lo.u32 %r2, %r2, %r3, %r1;
  add.u32 %r2, %r2, EXTRA;
  st.global.u32 [%rd1], %r2;
  ret;
}

.visible .entry wide(.param .u64 word, .param .align 4 .b8 block[4080])
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [block];
  ld.param.u32 %r2, [block+4076];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r3, [%rd1];
  mad.lo.u32 %r3, %r3, 31, %r1;
  add.u32 %r3, %r3, %r2;
  st.global.u32 [%rd1], %r3;
  ret;
}

.visible .entry shared(.param .u64 word, .param .u32 value, .param .u32 place)
{
  .reg .b32 %r<6>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [value];
  ld.param.u32 %r5, [place];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r2, room;
  add.u32 %r2, %r2, %r5;
  st.shared.u32 [%r2], %r1;
  ld.shared.u32 %r3, [%r2];
  ld.global.u32 %r4, [%rd1];
  add.u32 %r4, %r4, %r3;
  st.global.u32 [%rd1], %r4;
  ret;
}

.visible .entry tick()
{
  .reg .b32 %r<2>;
  ld.global.u32 %r1, [ticks];
  mad.lo.u32 %r1, %r1, 3, 1;
  st.global.u32 [ticks], %r1;
  ret;
}
)";

constexpr const char* kNames[] = {"scale", "scale", "flip", "count", "wide", "shared", "tick"};
constexpr unsigned kWideBytes = 4080, kBlocks = 2, kThreads = 32;
constexpr unsigned kPhases = 5;

std::string text_with(uint32_t extra) {
  std::string text = std::string(kText) + kWordEntriesPtx;
  text.replace(text.find("EXTRA"), std::strlen("EXTRA"), std::to_string(extra));
  return text;
}

}  // namespace

void RandomProgram::expect(CUresult result, const char* what, CUresult wanted) {
  if (result == wanted || !failure_.empty()) return;
  failure_ = std::string(what) + " returned " + std::to_string(static_cast<int>(result)) + " after " +
             std::to_string(launches_) + " launches";
}

void RandomProgram::expect_word(uint32_t seen, uint32_t wanted, const char* what) {
  if (seen == wanted || !failure_.empty()) return;
  failure_ = std::string(what) + ": " + std::to_string(seen) + " instead of " + std::to_string(wanted) + " after " +
             std::to_string(launches_) + " launches";
}

uint32_t RandomProgram::after(Kernel kernel, uint32_t word, uint32_t value, uint32_t extra) {
  switch (kernel) {
    case kScale: return word * (2 * value + 1) + value + extra;
    case kScaleOfLibrary: return word * (2 * value + 1) + value + 7;
    case kFlip: return word ^ value;
    case kCount: return word + kBlocks * kThreads;
    case kWide: return word * 31 + value + ~value;
    case kShared: return word + value;
    case kTick:
    case kKernels: break;
  }
  return word;
}

void RandomProgram::apply(Kernel kernel, Lane& lane, uint32_t value) {
  lane.expected = after(kernel, lane.expected, value, extra_);
  if (kernel == kTick) ticks_ = ticks_ * 3 + 1;
}

// A word of another lane may be given.
void RandomProgram::launch(Kernel kernel, unsigned lane, CUdeviceptr word, uint32_t value) {
  uint32_t place = shared_bytes_ - 4;
  std::array<unsigned char, kWideBytes> block;
  void* parameters[] = {&word, &value, &place};
  if (kernel == kWide) {
    const uint32_t last = ~value;
    block.fill(static_cast<unsigned char>(value));
    std::memcpy(block.data(), &value, sizeof value);
    std::memcpy(block.data() + kWideBytes - sizeof last, &last, sizeof last);
    parameters[1] = block.data();
  }
  const unsigned blocks = kernel == kCount ? kBlocks : 1, threads = kernel == kCount ? kThreads : 1;
  const unsigned bytes = kernel == kShared ? shared_bytes_ : 0;
  const bool by_flavour = lane == kPerThread && value % 2 != 0;
  const auto call = by_flavour ? &cuLaunchKernel_ptsz : &cuLaunchKernel;
  void** const list = kernel == kTick ? nullptr : parameters;
  expect(call(functions_[kernel], blocks, 1, 1, threads, 1, 1, bytes, by_flavour ? nullptr : lanes_[lane].stream, list,
              nullptr),
         kNames[kernel]);
  ++launches_;
}

void RandomProgram::perform(const Step& step, uint32_t variation) {
  const uint32_t value = step.value + (step.varies ? variation : 0);
  launch(step.kernel, step.lane, lanes_[step.lane].word, value);
  apply(step.kernel, lanes_[step.lane], value);
}

void RandomProgram::load_code() {
  extra_ = other_text_ ? 5 : 0, ticks_ = 0;
  expect(cuModuleLoadData(&module_, text_with(extra_).c_str()), "cuModuleLoadData");
  for (unsigned i = 0; i < kKernels; ++i)
    if (i != kScaleOfLibrary) expect(cuModuleGetFunction(&functions_[i], module_, kNames[i]), "cuModuleGetFunction");
  shared_bytes_ = 50000;
  expect(cuFuncSetAttribute(functions_[kShared], CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 50000),
         "cuFuncSetAttribute");
  const std::string text = text_with(7);
  expect(cuLibraryLoadData(&library_, text.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0), "cuLibraryLoadData");
  CUkernel kernel = nullptr;
  expect(cuLibraryGetKernel(&kernel, library_, "scale"), "cuLibraryGetKernel");
  functions_[kScaleOfLibrary] = reinterpret_cast<CUfunction>(kernel);
}

// When nothing of it runs any more.
void RandomProgram::unload_code() {
  CUdeviceptr ticks = 0;
  uint32_t seen = 0;
  expect(cuModuleGetGlobal(&ticks, nullptr, module_, "ticks"), "cuModuleGetGlobal");
  expect(cuMemcpyDtoH(&seen, ticks, sizeof seen), "cuMemcpyDtoH of ticks");
  expect_word(seen, ticks_, "ticks");
  expect(cuModuleUnload(module_), "cuModuleUnload");
  expect(cuLibraryUnload(library_), "cuLibraryUnload");
}

CUstream RandomProgram::make_stream(unsigned kind) {
  CUstream stream = nullptr;
  int least = 0, greatest = 0;
  expect(cuCtxGetStreamPriorityRange(&least, &greatest), "cuCtxGetStreamPriorityRange");
  switch (kind) {
    case kNonBlocking: expect(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate"); break;
    case 1: expect(cuStreamCreate(&stream, CU_STREAM_DEFAULT), "cuStreamCreate"); break;
    case 2: expect(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, greatest), "a priority"); break;
    case kPerThread: return CU_STREAM_PER_THREAD;
    default: return chance_.one_in(2) ? nullptr : CU_STREAM_LEGACY;
  }
  return stream;
}

void RandomProgram::begin() {
  CUdevice device = 0;
  if (habits_.has_own_context) {
    expect(cuCtxCreate(&context_, nullptr, 0, device), "cuCtxCreate");
  } else {
    expect(cuCtxSetCurrent(context_), "cuCtxSetCurrent");
  }
  int concurrent = 0;
  expect(cuDeviceGetAttribute(&concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, device), "an attribute");
  is_managed_ = concurrent != 0;
  void* slots = nullptr;
  expect(cuMemHostAlloc(&slots, kSlots * sizeof(uint32_t), 0), "cuMemHostAlloc");
  slots_ = static_cast<uint32_t*>(slots);
  expect(cuMemAlloc(&scratch_, kLanes * sizeof(uint32_t)), "cuMemAlloc");
  load_code();
  for (unsigned i = 0; i < kLanes; ++i) {
    Lane& lane = lanes_[i];
    lane.stream = make_stream(i), lane.expected = i;
    const bool managed = i == 1 && is_managed_;
    expect(managed ? cuMemAllocManaged(&lane.word, 4, CU_MEM_ATTACH_GLOBAL) : cuMemAlloc(&lane.word, 4), "a word");
    expect(cuMemsetD32(lane.word, i, 1), "cuMemsetD32");
  }
  expect(cuCtxSynchronize(), "cuCtxSynchronize");
}

void RandomProgram::check_all() {
  expect(cuCtxSynchronize(), "cuCtxSynchronize");
  for (const Lane& lane : lanes_) {
    uint32_t seen = 0;
    expect(cuMemcpyDtoH(&seen, lane.word, sizeof seen), "cuMemcpyDtoH");
    expect_word(seen, lane.expected, "a word");
  }
  if (!failure_.empty()) return;
  if (is_managed_) expect_word(*reinterpret_cast<uint32_t*>(lanes_[1].word), lanes_[1].expected, "a managed word");
  expect_word(wrong_in_host_functions_, 0, "words that host functions saw");
}

void RandomProgram::end() {
  check_all();
  unload_code();
  for (unsigned i = 0; i < kLanes; ++i) {
    if (i < kPerThread) expect(cuStreamDestroy(lanes_[i].stream), "cuStreamDestroy");
    expect(cuMemFree(lanes_[i].word), "cuMemFree");
  }
  expect(cuMemFree(scratch_), "cuMemFree");
  expect(cuMemFreeHost(slots_), "cuMemFreeHost");
  if (habits_.has_own_context) expect(cuCtxDestroy(context_), "cuCtxDestroy");
}

// Most steps go to one stream, as most programs' do.
std::vector<RandomProgram::Step> RandomProgram::make_pattern() {
  std::vector<Step> pattern;
  const unsigned length = 20 + chance_.below(100), home = chance_.below(kLanes), strays = 4 + chance_.below(60);
  const bool varies = chance_.one_in(2);
  for (unsigned i = 0; i < length; ++i) {
    const unsigned lane = chance_.one_in(strays) ? chance_.below(kLanes) : home;
    auto kernel = static_cast<Kernel>(chance_.below(kKernels));
    if (kernel == kTick && lane != kNonBlocking) kernel = kFlip;
    pattern.push_back({kernel, lane, chance_.next(), varies || chance_.one_in(10)});
  }
  return pattern;
}

void RandomProgram::run() {
  begin();
  for (unsigned phase = 0; phase < kPhases && failure_.empty(); ++phase) {
    std::vector<Step> pattern = make_pattern();
    const unsigned disturbances = 20 + chance_.below(400);
    for (unsigned round = 0, rounds = 4 + chance_.below(12); round < rounds; ++round) {
      for (const Step& step : pattern) {
        perform(step, round * 77);
        if (chance_.one_in(disturbances)) interlude();
      }
      if (chance_.one_in(4)) pattern[chance_.below(static_cast<unsigned>(pattern.size()))] = make_pattern().front();
      if (chance_.one_in(3)) read_back(chance_.below(kLanes));
    }
  }
  end();
}

}  // namespace contract
