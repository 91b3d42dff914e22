// SPDX-License-Identifier: Apache-2.0
// MetricsPage: Prometheus's text format 0.0.4, put together sample by sample. A value.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu::host {

struct MetricLabel {
  std::string_view name;
  std::string value;  // of any bytes
};
using MetricLabels = std::vector<MetricLabel>;

class MetricsPage {
 public:
  // `type`: counter or gauge. Samples of one metric stand together, as the format wants it, whenever they come.
  void add(const std::string& name, const char* type, std::string_view help, const MetricLabels& labels, double value);
  std::string text() const;

 private:
  std::map<std::string, std::string> metrics_;
};

}  // namespace vgpu::host
