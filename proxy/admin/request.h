#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::admin {

/// A request to the admin interface: its path and its parameters (of the query, and of a form in the body),
/// decoded.
class Request {
 public:
  Request(std::string_view method, std::string_view target);
  /// Adds the parameters of an application/x-www-form-urlencoded body.
  void add_form(std::string_view body) { parse_parameters(body); }

  /// What came with it, where that is no form.
  void set_body(std::string body) { body_ = std::move(body); }

  [[nodiscard]] const std::string& body() const { return body_; }
  [[nodiscard]] const std::string& method() const { return method_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The first value of a parameter; nullopt if it is not there. "?a" is there with the value "".
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return parameter(name).has_value(); }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& parameters() const {
    return parameters_;
  }

 private:
  void parse_parameters(std::string_view text);

  std::string method_;
  std::string path_;
  std::string body_;
  std::vector<std::pair<std::string, std::string>> parameters_;
};

inline constexpr std::string_view kTextType = "text/plain; charset=UTF-8";
inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kHtmlType = "text/html; charset=UTF-8";

/// An answer of the admin interface.
struct Response {
  unsigned status = 200;
  std::string_view content_type = kTextType;
  std::string body;
  /// For long answers instead of `body`: appends the next piece and says whether another follows. The event
  /// loop does other work between two pieces, so that a scrape of 100,000 series holds up nothing else on the
  /// main thread.
  std::function<bool(std::string& piece)> more{};
  /// For answers that others are asked for, instead of all else: begins, and calls `done` once with the
  /// answer, from the event loop.
  std::function<void(std::function<void(Response)> done)> later{};
  /// Runs after the answer has been written (or the client is gone).
  std::function<void()> afterwards{};

  static Response text(std::string body, unsigned status = 200) {
    return {.status = status, .body = std::move(body)};
  }
  static Response json(std::string body) { return {.content_type = kJsonType, .body = std::move(body)}; }
};

}  // namespace remora::admin
