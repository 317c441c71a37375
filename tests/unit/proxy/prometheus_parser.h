#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace remora {

/// A strict reader of Prometheus' text format, for tests: it throws std::runtime_error, with the line, where
/// a scraper would refuse the answer or mix up series (a second TYPE line, a series twice, samples of a
/// metric not together).
class PrometheusText {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    std::string name;
    Labels labels;
    double value = 0;
  };

  explicit PrometheusText(const std::string& text);

  std::map<std::string, std::string> types;  // metric -> counter, gauge, histogram, summary
  std::vector<Sample> samples;

  /// The one sample that has this name and at least these labels.
  double value(const std::string& name, const Labels& labels = {}) const;
  size_t count(const std::string& name, const Labels& labels = {}) const { return find(name, labels).size(); }

 private:
  void read_type(const std::string& line);
  void read_sample(const std::string& line);
  std::string metric_of(const std::string& sample_name) const;
  std::vector<const Sample*> find(const std::string& name, const Labels& labels) const;

  std::set<std::pair<std::string, Labels>> seen_;
  std::string current_;
};

}  // namespace remora
