#include "translate/uri_template.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace remora::xds {
namespace {

/// What a segment of a path may hold (RFC 3986, pchar).
constexpr std::string_view kMarks = "-._~%!$&'()+,;:@=*";
constexpr std::string_view kSegment = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=*]+";
constexpr std::string_view kSegments = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=*/]*";
constexpr size_t kMaxVariables = 5;
constexpr size_t kMaxName = 16;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_plain(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos; });
}

bool is_name(std::string_view name) {
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

Error wrong(std::string_view what, std::string_view text) {
  return Error{std::string(what) + " '" + std::string(text) + "'"};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<UriTemplate> parse() {
    if (!rest_.starts_with('/')) return Error{"must begin with '/'"};
    while (rest_.starts_with('/')) {
      rest_.remove_prefix(1);
      out_.expression += '/';
      if (rest_.empty()) break;  // a slash at the end, or alone
      if (auto failed = segment()) return std::move(*failed);
    }
    if (rest_.empty()) return std::move(out_);
    // What follows an operator or a variable without a slash ends the path.
    if (rest_.find('/') != std::string_view::npos)
      return wrong("only the last segment may have a suffix:", rest_);
    if (!is_plain(rest_)) return wrong("no path has", rest_);
    append_plain(rest_);
    return std::move(out_);
  }

 private:
  using Failed = std::optional<Error>;

  Failed segment() {
    if (rest_.front() == '*') return glob(rest_);
    if (rest_.front() == '{') return variable();
    return plain(rest_);
  }

  /// `*` or `**` at the beginning of `text`.
  Failed glob(std::string_view& text) {
    if (open_ended_) return Error{"nothing open may come behind '**'"};
    open_ended_ = text.starts_with("**");
    out_.expression += open_ended_ ? kSegments : kSegment;
    text.remove_prefix(open_ended_ ? 2 : 1);
    return {};
  }

  /// Text up to the next slash.
  Failed plain(std::string_view& text) {
    const auto literal = text.substr(0, text.find('/'));
    if (literal.empty()) return Error{"has an empty segment"};
    if (!is_plain(literal)) return wrong("no path has", literal);
    append_plain(literal);
    text.remove_prefix(literal.size());
    return {};
  }

  Failed variable() {
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos) return wrong("unmatched bracket in", rest_);
    auto inside = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    const size_t equals = inside.find('=');
    const auto name = inside.substr(0, equals);
    if (!is_name(name) || name.size() > kMaxName)
      return wrong("a variable is a letter with letters, digits and '_' behind it, 16 at most, not", name);
    if (std::ranges::find(out_.variables, name) != out_.variables.end())
      return wrong("there are two variables", name);
    if (out_.variables.size() == kMaxVariables) return Error{"has more than 5 variables"};
    out_.variables.emplace_back(name);
    inside.remove_prefix(equals == std::string_view::npos ? inside.size() : equals + 1);
    if (equals != std::string_view::npos && inside.empty()) return wrong("nothing stands for variable", name);
    out_.expression += '(';
    auto failed = equals == std::string_view::npos ? implicit() : pattern(inside);
    out_.expression += ')';
    return failed;
  }

  Failed implicit() {
    std::string_view one = "*";
    return glob(one);
  }

  Failed pattern(std::string_view text) {
    while (true) {
      if (auto failed = text.front() == '*' ? glob(text) : plain(text)) return failed;
      if (text.empty()) return {};
      if (text.front() != '/' || text.size() == 1) return wrong("a variable cannot stand for", text);
      text.remove_prefix(1);
      out_.expression += '/';
    }
  }

  void append_plain(std::string_view text) {
    for (const char c : text) {
      if (std::string_view(".$()+*").find(c) != std::string_view::npos) out_.expression += '\\';
      out_.expression += c;
    }
  }

  std::string_view rest_;
  UriTemplate out_;
  bool open_ended_ = false;
};

}  // namespace

Result<UriTemplate> parse_uri_template(std::string_view text) { return Parser(text).parse(); }

Result<std::string> to_substitution(std::string_view rewrite, const UriTemplate& of) {
  if (!rewrite.starts_with('/')) return Error{"must begin with '/'"};
  if (rewrite.find("//") != std::string_view::npos) return Error{"cannot have '//'"};
  std::string out;
  while (!rewrite.empty()) {
    const size_t open = std::min(rewrite.find('{'), rewrite.size());
    for (const char c : rewrite.substr(0, open)) {
      if (c != '/' && !is_plain({&c, 1})) return wrong("no path has", {&c, 1});
    }
    out += rewrite.substr(0, open);
    rewrite.remove_prefix(open);
    if (rewrite.empty()) break;
    const size_t close = rewrite.find('}');
    if (close == std::string_view::npos) return wrong("unmatched bracket in", rewrite);
    const auto name = rewrite.substr(1, close - 1);
    const auto found = std::ranges::find(of.variables, name);
    if (found == of.variables.end()) return wrong("the template has no variable", name);
    out.append("\\").append(std::to_string(found - of.variables.begin() + 1));
    rewrite.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace remora::xds
