// SPDX-License-Identifier: Apache-2.0
// RandomProgram: a thread's program that repeats sequences of launches over several streams and changes them now and
// then, with all that programs do in between; what each of its words has to be, the CPU knows. Only order that CUDA
// documents is relied on (CUDA C++ Programming Guide, Streams and Events), so it is right on any driver.
// One thread uses each; what went wrong is looked at after it has ended.
#pragma once

#include <cuda.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace contract {

// A generator that is the same everywhere.
class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint32_t next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint32_t>(state_ >> 32);
  }
  unsigned below(unsigned limit) { return next() % limit; }
  bool one_in(unsigned count) { return below(count) == 0; }

 private:
  uint64_t state_;
};

class RandomProgram {
 public:
  struct Habits {
    bool sets_stream_attributes = false;
    bool has_own_context = false;
    bool captures = false;  // what others may not do in that context meanwhile is wait for all of it
  };

  // Works in `shared` unless it has a context of its own.
  RandomProgram(uint64_t seed, CUcontext shared, Habits habits) : chance_(seed), context_(shared), habits_(habits) {}

  // The thread's body.
  void run();
  // The first thing that was not as it had to be; empty when all was.
  const std::string& failure() const { return failure_; }
  unsigned launches() const { return launches_; }

 private:
  enum Kernel : unsigned { kScale, kScaleOfLibrary, kFlip, kCount, kWide, kShared, kTick, kKernels };
  struct Lane {
    CUstream stream = nullptr;
    CUdeviceptr word = 0;
    uint32_t expected = 0;
    unsigned kind = 0;
  };
  struct Step {
    Kernel kernel;
    unsigned lane;
    uint32_t value;
    bool varies;
  };
  static constexpr unsigned kLanes = 5, kNonBlocking = 0, kPerThread = 3, kLegacy = 4, kSlots = 64;

  void expect(CUresult result, const char* what, CUresult wanted = CUDA_SUCCESS);
  void expect_word(uint32_t seen, uint32_t wanted, const char* what);
  void begin();
  void end();
  void load_code();
  void unload_code();
  CUstream make_stream(unsigned kind);
  std::vector<Step> make_pattern();
  void perform(const Step& step, uint32_t variation);
  void launch(Kernel kernel, unsigned lane, CUdeviceptr word, uint32_t value);
  static uint32_t after(Kernel kernel, uint32_t word, uint32_t value, uint32_t extra);
  void apply(Kernel kernel, Lane& lane, uint32_t value);
  uint32_t* slot();
  void check_all();

  void interlude();
  void read_back(unsigned lane);
  void set(unsigned lane);
  void copy_round(unsigned lane);
  void copy_in(unsigned lane);
  void hand_over(unsigned from, unsigned to);
  void use_pool(unsigned lane);
  void call_host(unsigned lane);
  void replace_code();
  void change_function();
  void be_refused(unsigned lane);
  void replace_stream(unsigned lane);
  void capture();
  void ask(unsigned lane);
  void set_attribute(unsigned lane);
  void pause();

  Chance chance_;
  CUcontext context_;
  const Habits habits_;
  std::string failure_;
  std::array<Lane, kLanes> lanes_;
  CUmodule module_ = nullptr;
  CUlibrary library_ = nullptr;
  std::array<CUfunction, kKernels> functions_ = {};
  uint32_t extra_ = 0, ticks_ = 0;  // what the loaded text's scale adds; what its counter has to be
  bool other_text_ = false;
  unsigned shared_bytes_ = 50000;
  CUdeviceptr scratch_ = 0;
  uint32_t* slots_ = nullptr;
  unsigned next_slot_ = 0, launches_ = 0;
  bool is_managed_ = false;
  std::atomic<unsigned> wrong_in_host_functions_{0};
};

}  // namespace contract
