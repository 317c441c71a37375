#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"
#include "remora/http/exchange_info.h"

namespace remora {

/// Values that do not come from the exchange: the node's and process's own. Set once at start.
struct FormatEnvironment {
  std::string hostname;
};
void set_format_environment(FormatEnvironment environment);

/// A text with %OPERATORS%, compiled once at configuration time: access log lines, header values, response
/// bodies. Immutable, shared by all workers. Source: Envoy, access log format strings.
///
/// Grammar: %NAME%, %NAME(ARGUMENT)%, %NAME(ARGUMENT):LENGTH%; "%%" is a percent sign.
class Format {
 public:
  Format();
  ~Format();
  Format(const Format&);
  Format& operator=(const Format&);
  Format(Format&&) noexcept;
  Format& operator=(Format&&) noexcept;

  /// Errors name the operator and its position. Operators that Envoy knows and this build does not are errors
  /// too.
  static Result<Format> parse(std::string_view text);
  /// A fixed text in which '%' has no meaning.
  static Format literal(std::string_view text);

  /// Appends the text. An operator without a value appends `unset` ("-" in logs, "" in headers).
  void append(const ExchangeInfo& info, std::string_view unset, std::string& out) const;
  /// True when it has exactly one operator and no other text: JSON logs can then keep its type.
  [[nodiscard]] bool single_operator() const;
  /// For a single_operator(): appends the value as JSON (number, string, metadata as it is, or null).
  void append_json(const ExchangeInfo& info, std::string& out) const;
  /// The fixed text when there is no operator; empty otherwise.
  [[nodiscard]] bool is_literal() const;
  [[nodiscard]] std::string_view literal_text() const;

  struct Operator;  // private to format.cc

 private:
  std::vector<std::shared_ptr<const Operator>> parts_;
};

/// Envoy's default access log line, with the line's end.
std::string_view default_access_log_format();

/// Appends `text` as the inside of a JSON string: quotes, backslashes and control characters escaped; a byte
/// that is not valid UTF-8 becomes \u00XX.
void append_json_escaped(std::string_view text, std::string& out);

}  // namespace remora
