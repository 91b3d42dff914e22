// SPDX-License-Identifier: Apache-2.0
// KnownStrangers: addresses that the driver has said it does not know, for as long as nothing was sent that could make
// it know them: a program gets to know the driver's addresses by calls alone. Belongs to its thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vgpu::guest {

class KnownStrangers {
 public:
  // `changes`: Session::address_changes(), read before the question.
  bool contains(uint64_t address, uint64_t context, uint64_t changes) const {
    const Stranger& stranger = place_of(address);
    return stranger.known && stranger.address == address && stranger.context == context && stranger.changes == changes;
  }
  void add(uint64_t address, uint64_t context, uint64_t changes) {
    strangers_[index_of(address)] = {address, context, changes, true};
  }

 private:
  struct Stranger {
    uint64_t address = 0, context = 0, changes = 0;
    bool known = false;
  };
  static constexpr size_t kPlaces = 16;

  static size_t index_of(uint64_t address) { return (address >> 4 ^ address >> 12 ^ address >> 20) % kPlaces; }
  const Stranger& place_of(uint64_t address) const { return strangers_[index_of(address)]; }

  std::array<Stranger, kPlaces> strangers_ = {};
};

// Whether a message leaves it at the addresses that the driver knows.
bool leaves_addresses(uint16_t opcode);

}  // namespace vgpu::guest
