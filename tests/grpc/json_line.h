#pragma once

#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace remora::test {

/// One JSON object, built field by field and printed as one line.
class JsonLine {
 public:
  JsonLine& text(std::string_view key, std::string_view value) {
    name(key);
    append_string(value);
    return *this;
  }
  JsonLine& number(std::string_view key, int64_t value) {
    name(key);
    line_ += std::to_string(value);
    return *this;
  }
  JsonLine& flag(std::string_view key, bool value) {
    name(key);
    line_ += value ? "true" : "false";
    return *this;
  }
  /// A multimap of texts, as metadata is, as a list of pairs.
  template <typename Metadata>
  JsonLine& pairs(std::string_view key, const Metadata& metadata) {
    name(key);
    line_ += '[';
    for (bool first = true; const auto& [left, right] : metadata) {
      line_ += first ? "[" : ",[";
      first = false;
      append_string({left.data(), left.size()});
      line_ += ',';
      append_string({right.data(), right.size()});
      line_ += ']';
    }
    line_ += ']';
    return *this;
  }

  /// Safe to call on several threads: lines do not mix.
  void print() {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::printf("{%s}\n", line_.c_str());
    std::fflush(stdout);
  }

 private:
  void name(std::string_view key) {
    if (!line_.empty()) line_ += ',';
    append_string(key);
    line_ += ':';
  }
  // Every byte stands for the code point of its number, so that binary metadata comes through.
  void append_string(std::string_view value) {
    line_ += '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
        line_ += c;
      } else {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
        line_ += escaped;
      }
    }
    line_ += '"';
  }
  std::string line_;
};

}  // namespace remora::test
