// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/similar.h"

#include <algorithm>
#include <numeric>

namespace vgpu::smi {
namespace {

// How many letters must be changed, added or removed (Levenshtein).
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string find_similar(const std::string& word, const std::vector<std::string>& names) {
  if (word.size() > 100) return "";
  std::string best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t steps = distance(word, name);
    if (steps < least) {
      least = steps;
      best = name;
    }
  }
  return best;
}

}  // namespace vgpu::smi
