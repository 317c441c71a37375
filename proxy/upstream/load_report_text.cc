#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "upstream/load_report.h"

namespace remora {
namespace {

constexpr size_t kMostMetrics = 64;  // of a report as text, which names each only once

std::string_view trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

bool read_finite(std::string_view text, double& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

bool take_named(std::string_view name, double value, MetricTaker& taker) {
  for (const std::string_view group : {"named_metrics", "utilization"}) {
    if (!name.starts_with(group) || name.size() <= group.size() || name[group.size()] != '.') continue;
    const auto inner = name.substr(group.size() + 1);
    if (inner.empty()) return false;
    taker.take(group, inner, value);
    return true;
  }
  for (const std::string_view field :
       {"cpu_utilization", "mem_utilization", "application_utilization", "eps", "rps_fractional"}) {
    if (name != field) continue;
    taker.take({}, name, value);
    return true;
  }
  return false;
}

/// "name=value", also with a colon there.
bool read_metric(std::string_view text, std::string_view& name, double& value) {
  const size_t equals = text.find_first_of("=:");
  if (equals == std::string_view::npos) return false;
  name = trimmed(text.substr(0, equals));
  return !name.empty() && read_finite(trimmed(text.substr(equals + 1)), value);
}

/// As much JSON as a report needs: an object of numbers, and of objects of numbers. Names are taken as they
/// are written: one with an escape in it is no metric's.
class JsonReport {
 public:
  JsonReport(std::string_view text, MetricTaker& taker) : rest_(text), taker_(taker) {}

  bool read() {
    const bool whole = object([this](std::string_view name) { return field(name); });
    blanks();
    return whole && rest_.empty();
  }

 private:
  static constexpr int kMostLevels = 16;

  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(char wanted) {
    blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool string(std::string_view& out) {
    if (!take('"')) return false;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        out = rest_.substr(0, i);
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  /// A number, also in quotes: JSON of protobuf messages allows that.
  bool number(double& out) {
    blanks();
    std::string_view text;
    if (rest_.starts_with('"')) {
      if (!string(text)) return false;
    } else {
      text = rest_.substr(0, rest_.find_first_of(",} \t\r\n"));
      rest_.remove_prefix(text.size());
    }
    return read_finite(text, out);
  }

  template <typename Field>
  bool object(Field field) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view name;
      if (!string(name) || !take(':') || !field(name)) return false;
    } while (take(','));
    return take('}');
  }

  bool field(std::string_view name) {
    struct Spelling {
      std::string_view json;
      std::string_view field;
    };
    static constexpr Spelling kNumbers[] = {{"applicationUtilization", "application_utilization"},
                                            {"cpuUtilization", "cpu_utilization"},
                                            {"memUtilization", "mem_utilization"},
                                            {"rpsFractional", "rps_fractional"},
                                            {"eps", "eps"}};
    static constexpr Spelling kGroups[] = {
        {"namedMetrics", "named_metrics"}, {"utilization", "utilization"}, {"requestCost", "request_cost"}};
    for (const auto& known : kNumbers) {
      if (name == known.json || name == known.field) return metric({}, known.field);
    }
    for (const auto& known : kGroups) {
      if (name == known.json || name == known.field)
        return object([&](std::string_view inner) { return metric(known.field, inner); });
    }
    return skip(0);
  }

  bool metric(std::string_view group, std::string_view name) {
    double value = 0;
    if (!number(value)) return false;
    taker_.take(group, name, value);
    return true;
  }

  bool skip(int level) {
    blanks();
    if (level > kMostLevels || rest_.empty()) return false;
    std::string_view text;
    if (rest_.front() == '"') return string(text);
    if (rest_.front() == '{') return object([&](std::string_view) { return skip(level + 1); });
    if (rest_.front() == '[') return list(level + 1);
    const size_t size = std::min(rest_.find_first_of(",]} \t\r\n"), rest_.size());
    rest_.remove_prefix(size);
    return size > 0;
  }

  bool list(int level) {
    rest_.remove_prefix(1);
    if (take(']')) return true;
    do {
      if (!skip(level)) return false;
    } while (take(','));
    return take(']');
  }

  std::string_view rest_;
  MetricTaker& taker_;
};

}  // namespace

bool read_text_report(std::string_view text, MetricTaker& taker) {
  std::array<std::string_view, kMostMetrics> seen;
  size_t count = 0;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto entry = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (entry.empty()) continue;
    std::string_view name;
    double value = 0;
    if (count == kMostMetrics || !read_metric(entry, name, value)) return false;
    if (std::find(seen.begin(), seen.begin() + count, name) != seen.begin() + count) return false;
    seen[count++] = name;
    if (!take_named(name, value, taker)) return false;
  }
  return count > 0;
}

bool read_json_report(std::string_view text, MetricTaker& taker) { return JsonReport(text, taker).read(); }

}  // namespace remora
