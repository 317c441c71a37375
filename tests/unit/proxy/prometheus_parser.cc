#include "unit/proxy/prometheus_parser.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace remora {
namespace {

[[noreturn]] void fail(const std::string& why, const std::string& line) {
  throw std::runtime_error(why + ": " + line);
}

// [a-zA-Z_][a-zA-Z0-9_]*, for metrics also with colons.
bool is_name(const std::string& text, bool metric) {
  const auto allowed = [metric](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || (metric && c == ':');
  };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::ranges::all_of(text, allowed);
}

// Reads name="value" at `position`, leaving it behind the closing quote.
std::pair<std::string, std::string> read_label(const std::string& line, size_t& position) {
  const size_t equals = line.find("=\"", position);
  if (equals == std::string::npos) fail("label without value", line);
  const std::string name = line.substr(position, equals - position);
  if (!is_name(name, false)) fail("bad label name", line);
  std::string value;
  for (position = equals + 2;; ++position) {
    if (position >= line.size()) fail("open label value", line);
    if (line[position] == '"') break;
    if (line[position] == '\\') {
      const char escaped = line.at(++position);
      if (escaped != 'n' && escaped != '"' && escaped != '\\') fail("bad escape", line);
      value += escaped == 'n' ? '\n' : escaped;
    } else {
      value += line[position];
    }
  }
  ++position;
  return {name, value};
}

}  // namespace

PrometheusText::PrometheusText(const std::string& text) {
  if (!text.empty() && text.back() != '\n') fail("no line end at the end", "");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      read_type(line);
    } else {
      read_sample(line);
    }
  }
}

void PrometheusText::read_type(const std::string& line) {
  std::istringstream words(line.substr(7));
  std::string name, type, rest;
  words >> name >> type >> rest;
  if (!rest.empty() || !std::set<std::string>{"counter", "gauge", "histogram", "summary"}.contains(type))
    fail("bad TYPE", line);
  if (!types.emplace(name, type).second) fail("second TYPE", line);
  current_ = name;
}

void PrometheusText::read_sample(const std::string& line) {
  Sample sample;
  size_t position = line.find('{');
  if (position == std::string::npos) fail("no labels", line);
  sample.name = line.substr(0, position++);
  if (!is_name(sample.name, true)) fail("bad metric name", line);
  while (line.at(position) != '}') {
    if (!sample.labels.insert(read_label(line, position)).second) fail("label twice", line);
    if (line.at(position) == ',') ++position;
  }
  if (line.at(++position) != ' ') fail("no value", line);
  size_t used = 0;
  const std::string number = line.substr(position + 1);
  sample.value = std::stod(number, &used);
  if (used != number.size()) fail("bad value", line);
  if (metric_of(sample.name) != current_) fail("sample apart from its TYPE", line);
  if (!seen_.emplace(sample.name, sample.labels).second) fail("series twice", line);
  samples.push_back(std::move(sample));
}

std::string PrometheusText::metric_of(const std::string& sample_name) const {
  const auto type = types.find(current_);
  if (type != types.end() && (type->second == "histogram" || type->second == "summary")) {
    for (const char* end : {"_bucket", "_sum", "_count"}) {
      if (sample_name == current_ + end) return current_;
    }
  }
  return sample_name;
}

std::vector<const PrometheusText::Sample*> PrometheusText::find(const std::string& name,
                                                                const Labels& labels) const {
  std::vector<const Sample*> found;
  for (const Sample& sample : samples) {
    bool same = sample.name == name;
    for (const auto& [key, value] : labels) {
      const auto label = sample.labels.find(key);
      same = same && label != sample.labels.end() && label->second == value;
    }
    if (same) found.push_back(&sample);
  }
  return found;
}

double PrometheusText::value(const std::string& name, const Labels& labels) const {
  const auto found = find(name, labels);
  if (found.size() != 1) fail(std::to_string(found.size()) + " samples", name);
  return found.front()->value;
}

}  // namespace remora
