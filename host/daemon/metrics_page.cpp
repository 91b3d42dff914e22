// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/metrics_page.h"

#include <fmt/core.h>

namespace vgpu::host {
namespace {

// In a help text quotation marks stand for themselves. The format is UTF-8, which a driver's names need not be.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '\\' || (c == '"' && quotes)) (out += '\\') += c;
    else out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  }
  return out;
}

std::string labels_text(const MetricLabels& labels) {
  std::string text;
  for (const MetricLabel& label : labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "{" : ",", label.name, escaped(label.value, true));
  return text.empty() ? text : text + "}";
}

}  // namespace

void MetricsPage::add(const std::string& name, const char* type, std::string_view help, const MetricLabels& labels,
                      double value) {
  std::string& text = metrics_[name];
  if (text.empty()) text = fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, escaped(help, false), type);
  text += fmt::format("{}{} {}\n", name, labels_text(labels), value);
}

std::string MetricsPage::text() const {
  std::string all;
  for (const auto& [name, text] : metrics_) all += text;
  return all;
}

}  // namespace vgpu::host
