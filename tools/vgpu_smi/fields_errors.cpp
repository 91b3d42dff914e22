// SPDX-License-Identifier: Apache-2.0
// Fields that say what went wrong in the card's memory.
#include <fmt/core.h>

#include "tools/vgpu_smi/field.h"

namespace vgpu::smi {
namespace {

using Count = unsigned long long;

struct Location {
  const char* name;
  unsigned int number;  // nvmlMemoryLocation_t
  const char* meaning;
};
constexpr Location kLocations[] = {
    {"device_memory", 2, "the card's memory"},
    {"dram", 2, "the card's memory chips"},
    {"register_file", 3, "registers"},
    {"l1_cache", 0, "the level 1 cache"},
    {"l2_cache", 1, "the level 2 cache"},
    {"texture_memory", 4, "texture memory"},
    {"cbu", 6, "the branch unit"},
    {"sram", 7, "memory inside the chip"},
};

void add_counters(std::vector<Field>& fields, unsigned int type, unsigned int counter) {
  const std::string_view kind = type == 0 ? "corrected" : "uncorrected";
  const std::string_view span = counter == 0 ? "volatile" : "aggregate";
  const std::string_view since = counter == 0 ? "since the driver was loaded" : "in the card's life";
  for (const Location& location : kLocations) {
    const unsigned int where = location.number;
    fields.push_back({"Memory errors",
                      {fmt::format("ecc.errors.{}.{}.{}", kind, span, location.name)},
                      "",
                      fmt::format("Errors that were {}, {}: {}.", kind, since, location.meaning),
                      [type, counter, where](const Card& card) {
                        return number(card.get<Count>("nvmlDeviceGetMemoryErrorCounter", type, counter, where));
                      }});
  }
  fields.push_back({"Memory errors",
                    {fmt::format("ecc.errors.{}.{}.total", kind, span)},
                    "",
                    fmt::format("All errors that were {}, {}.", kind, since),
                    [type, counter](const Card& card) {
                      return number(card.get<Count>("nvmlDeviceGetTotalEccErrors", type, counter));
                    }});
}

void add_sram(std::vector<Field>& fields) {
  using Status = nvmlEccSramErrorStatus_v1_t;
  struct Row {
    const char* name;
    Count Status::*member;
    const char* meaning;
  };
  static constexpr Row kRows[] = {
      {"volatile.sram.parity", &Status::volatileUncParity, "found by parity, since the driver was loaded"},
      {"volatile.sram.sec-ded", &Status::volatileUncSecDed, "found by SEC-DED codes, since the driver was loaded"},
      {"aggregate.sram.parity", &Status::aggregateUncParity, "found by parity, in the card's life"},
      {"aggregate.sram.sec-ded", &Status::aggregateUncSecDed, "found by SEC-DED codes, in the card's life"},
      {"aggregate.sram.l2", &Status::aggregateUncBucketL2, "in the level 2 cache, in the card's life"},
      {"aggregate.sram.sm", &Status::aggregateUncBucketSm, "in the multiprocessors, in the card's life"},
      {"aggregate.sram.pcie", &Status::aggregateUncBucketPcie, "in the PCIe unit, in the card's life"},
      {"aggregate.sram.mcu", &Status::aggregateUncBucketMcu, "in the microcontrollers, in the card's life"},
      {"aggregate.sram.other", &Status::aggregateUncBucketOther, "elsewhere, in the card's life"},
  };
  for (const Row& row : kRows) {
    Count Status::*const member = row.member;
    fields.push_back({"Memory errors",
                      {fmt::format("ecc.errors.uncorrected.{}", row.name)},
                      "",
                      fmt::format("Uncorrected errors of memory inside the chip, {}.", row.meaning),
                      [member](const Card& card) {
                        const auto status = card.get_versioned<Status>("nvmlDeviceGetSramEccErrorStatus", 1);
                        return number(map(status, [&](const Status& it) { return it.*member; }));
                      }});
  }
}

// Pages that are not used any more, by cause: 0 repeated single-bit errors, 1 a double-bit error.
Cell retired_pages(const Card& card, unsigned int cause) {
  unsigned int count = 0;
  auto status = card.nvml().call("nvmlDeviceGetRetiredPages", card.device(), cause, &count,
                                 static_cast<unsigned long long*>(nullptr));
  if (status == NVML_ERROR_INSUFFICIENT_SIZE) status = NVML_SUCCESS;
  return status == NVML_SUCCESS ? number(uint64_t{count}) : missing(status);
}

Cell remapped_rows(const Card& card, int which, bool is_flag) {
  unsigned int values[4] = {};  // corrected, uncorrected, pending, failed
  const auto status =
      card.nvml().call("nvmlDeviceGetRemappedRows", card.device(), &values[0], &values[1], &values[2], &values[3]);
  if (status != NVML_SUCCESS) return missing(status);
  return is_flag ? text(values[which] != 0 ? "Yes" : "No") : number(uint64_t{values[which]});
}

Cell histogram(const Card& card, unsigned int nvmlRowRemapperHistogramValues_t::*member) {
  const auto values = card.get<nvmlRowRemapperHistogramValues_t>("nvmlDeviceGetRowRemapperHistogram");
  return number(map(values, [&](const auto& it) { return it.*member; }));
}

void add_repairs(std::vector<Field>& fields) {
  using Histogram = nvmlRowRemapperHistogramValues_t;
  const auto banks = [](unsigned int Histogram::*member) {
    return [member](const Card& card) { return histogram(card, member); };
  };
  fields.insert(
      fields.end(),
      {{"Repairs",
        {"retired_pages.single_bit_ecc.count", "retired_pages.sbe"},
        "",
        "Pages taken out of use for repeated single-bit errors.",
        [](const Card& card) { return retired_pages(card, 0); }},
       {"Repairs",
        {"retired_pages.double_bit.count", "retired_pages.dbe"},
        "",
        "Pages taken out of use for a double-bit error.",
        [](const Card& card) { return retired_pages(card, 1); }},
       {"Repairs",
        {"retired_pages.pending"},
        "",
        "Whether pages go out of use at the next start.",
        [](const Card& card) {
          const auto pending = card.get<unsigned int>("nvmlDeviceGetRetiredPagesPendingStatus");
          return yes_no(map(pending, [](unsigned int it) { return it != 0; }), "Yes", "No");
        }},
       {"Repairs",
        {"remapped_rows.correctable"},
        "",
        "Rows replaced for correctable errors.",
        [](const Card& card) { return remapped_rows(card, 0, false); }},
       {"Repairs",
        {"remapped_rows.uncorrectable"},
        "",
        "Rows replaced for uncorrectable errors.",
        [](const Card& card) { return remapped_rows(card, 1, false); }},
       {"Repairs",
        {"remapped_rows.pending"},
        "",
        "Whether rows are replaced at the next reset.",
        [](const Card& card) { return remapped_rows(card, 2, true); }},
       {"Repairs",
        {"remapped_rows.failure"},
        "",
        "Whether a replacement has failed.",
        [](const Card& card) { return remapped_rows(card, 3, true); }},
       {"Repairs", {"remapped_rows.histogram.max"}, "", "Banks with all spare rows left.", banks(&Histogram::max)},
       {"Repairs", {"remapped_rows.histogram.high"}, "", "Banks with most of them left.", banks(&Histogram::high)},
       {"Repairs", {"remapped_rows.histogram.partial"}, "", "Banks with some left.", banks(&Histogram::partial)},
       {"Repairs", {"remapped_rows.histogram.low"}, "", "Banks with few left.", banks(&Histogram::low)},
       {"Repairs", {"remapped_rows.histogram.none"}, "", "Banks with none left.", banks(&Histogram::none)}});
}

}  // namespace

void add_error_fields(std::vector<Field>& fields) {
  fields.push_back(
      {"Memory errors", {"ecc.mode.current"}, "", "Whether memory errors are corrected.", [](const Card& card) {
         return enabled(card.pair<unsigned int>("nvmlDeviceGetEccMode", 0));
       }});
  fields.push_back({"Memory errors", {"ecc.mode.pending"}, "", "The same after the next start.", [](const Card& card) {
                      return enabled(card.pair<unsigned int>("nvmlDeviceGetEccMode", 1));
                    }});
  for (const unsigned int type : {0u, 1u})
    for (const unsigned int counter : {0u, 1u}) add_counters(fields, type, counter);
  add_sram(fields);
  add_repairs(fields);
}

}  // namespace vgpu::smi
