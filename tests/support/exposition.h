// SPDX-License-Identifier: Apache-2.0
// A strict reader of Prometheus's text format 0.0.4: the grammar of its documentation ("Exposition formats"), and what
// `promtool check metrics` complains of besides.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace vgpu::test {

class Exposition {
 public:
  // The first fault, with its line; empty when there is none.
  static std::string fault_of(std::string_view page) {
    Exposition reader;
    if (page.empty() || page.back() != '\n') return "the last line does not end";
    for (size_t at = 0, end = 0; at < page.size(); at = end + 1) {
      end = page.find('\n', at);
      const std::string_view line = page.substr(at, end - at);
      if (const std::string fault = reader.line(line); !fault.empty()) return fault + ": " + std::string(line);
    }
    return reader.current_.empty() || reader.sampled_ ? "" : "no sample of " + reader.current_;
  }

 private:
  struct Metric {
    bool has_help = false, has_type = false;
  };

  static bool is_name(std::string_view text, bool colon) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
    for (const char c : text)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && !(colon && c == ':')) return false;
    return true;
  }
  static bool takes(std::string_view& text, std::string_view what) {
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
  }
  static std::string_view word(std::string_view& text) {
    const std::string_view found = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(found.size() + 1, text.size()));
    return found;
  }

  std::string line(std::string_view text) {
    if (takes(text, "# HELP ")) return help(text);
    if (takes(text, "# TYPE ")) return type(text);
    if (text.empty() || text[0] == '#') return "neither a sample, nor help, nor a type";
    return sample(text);
  }
  // A metric's lines stand together, help and type first.
  std::string begin(std::string_view name) {
    if (!is_name(name, true)) return "no name of a metric";
    if (name == current_) return "";
    if (!current_.empty() && !sampled_) return "no sample of " + current_;
    if (metrics_.contains(std::string(name))) return "not beside the others of its metric";
    current_ = name;
    sampled_ = false;
    metrics_[current_] = {};
    return "";
  }
  std::string help(std::string_view text) {
    const std::string_view name = word(text);
    if (const std::string fault = begin(name); !fault.empty()) return fault;
    if (std::exchange(metrics_[current_].has_help, true) || sampled_) return "a second help, or a late one";
    for (size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\\' && (i + 1 == text.size() || (text[++i] != '\\' && text[i] != 'n'))) return "a wrong escape";
    return text.empty() ? "no help" : "";
  }
  std::string type(std::string_view text) {
    const std::string name(word(text));
    if (const std::string fault = begin(name); !fault.empty()) return fault;
    if (std::exchange(metrics_[current_].has_type, true) || sampled_) return "a second type, or a late one";
    const bool is_total = name.ends_with("_total");
    if (text == "counter") return is_total ? "" : "a counter whose name does not end with _total";
    if (text == "gauge") return is_total ? "a gauge whose name ends with _total" : "";
    return "an unknown type";
  }
  // "{a="b",c="d"}", if it is there.
  static std::string labels(std::string_view& text) {
    if (!takes(text, "{")) return "";
    std::set<std::string_view> names;
    do {
      const std::string_view name = text.substr(0, text.find('='));
      if (!is_name(name, false) || name.starts_with("__") || !names.insert(name).second) return "no name of a label";
      text.remove_prefix(name.size());
      if (!takes(text, "=\"")) return "a label without a value";
      for (; !text.empty() && text[0] != '"'; text.remove_prefix(1)) {
        if (static_cast<unsigned char>(text[0]) >= 0x80) return "not ASCII, which all of ours is";
        if (text[0] == '\\' && (text.remove_prefix(1), text.find_first_of("\\\"n") != 0)) return "a wrong escape";
      }
      if (!takes(text, "\"")) return "a value that does not end";
    } while (takes(text, ","));
    return takes(text, "}") ? "" : "labels that do not end";
  }
  std::string sample(std::string_view text) {
    const std::string_view whole = text;
    const std::string_view name = text.substr(0, text.find_first_of("{ "));
    if (const std::string fault = begin(name); !fault.empty()) return fault;
    if (!metrics_[current_].has_help || !metrics_[current_].has_type) return "no help or no type before it";
    text.remove_prefix(name.size());
    if (const std::string fault = labels(text); !fault.empty()) return fault;
    if (!series_.insert(std::string(whole.substr(0, whole.size() - text.size()))).second) return "there twice";
    if (!takes(text, " ")) return "no value";
    char* end = nullptr;
    const std::string value(text);
    std::strtod(value.c_str(), &end);
    sampled_ = true;
    return value.empty() || *end != '\0' || value[0] == ' ' ? "no number" : "";
  }

  std::map<std::string, Metric> metrics_;
  std::set<std::string> series_;
  std::string current_;
  bool sampled_ = false;
};

}  // namespace vgpu::test
