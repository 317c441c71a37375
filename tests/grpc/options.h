#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace remora::test {

/// Flags of the form --name=value or --name; a flag that is not in `known` ends the program.
class Options {
 public:
  Options(int count, char** words, std::map<std::string, std::string> known) : values_(std::move(known)) {
    for (int i = 1; i < count; ++i) take(words[i]);
  }
  [[nodiscard]] const std::string& text(const std::string& name) const { return values_.at(name); }
  [[nodiscard]] uint32_t number(const std::string& name) const {
    return static_cast<uint32_t>(std::stoul(values_.at(name)));
  }
  [[nodiscard]] bool set(const std::string& name) const { return !values_.at(name).empty(); }
  /// The values of --metadata=name=value, in order.
  [[nodiscard]] const std::multimap<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void take(std::string_view word) {
    const size_t equals = word.find('=');
    const std::string name(word.substr(0, equals).substr(word.starts_with("--") ? 2 : 0));
    const std::string value(equals == std::string_view::npos ? "1" : word.substr(equals + 1));
    if (name == "metadata") {
      const size_t split = value.find('=');
      metadata_.emplace(value.substr(0, split), value.substr(split + 1));
    } else if (const auto found = values_.find(name); found != values_.end()) {
      found->second = value;
    } else {
      std::fprintf(stderr, "unknown flag: %s\n", std::string(word).c_str());
      std::exit(2);
    }
  }
  std::map<std::string, std::string> values_;
  std::multimap<std::string, std::string> metadata_;
};

}  // namespace remora::test
