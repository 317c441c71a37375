#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::admin {

/// Writes JSON with one space of indentation a level, as Envoy's admin interface does; or on one line.
/// The caller keeps begin and end in balance.
class JsonWriter {
 public:
  enum class Style : uint8_t { kIndented, kCompact };
  explicit JsonWriter(std::string& out, Style style = Style::kIndented) : out_(out), style_(style) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(double number);
  void null() { raw("null"); }
  /// A number, or a bool.
  template <std::integral T>
  void value(T number) {
    if constexpr (std::same_as<T, bool>) {
      raw(number ? "true" : "false");
    } else {
      raw(std::to_string(number));
    }
  }

  template <typename T>
  void member(std::string_view name, const T& member_value) {
    key(name);
    value(member_value);
  }

 private:
  void open(char bracket);
  void close(char bracket);
  void raw(std::string_view text);
  void before_value();
  void new_line();

  std::string& out_;
  Style style_;
  int depth_ = 0;
  bool first_ = true;  // nothing yet in this object or array
  bool after_key_ = false;
};

}  // namespace remora::admin
