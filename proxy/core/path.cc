#include "remora/http/path.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace remora {
namespace {

enum class Class : uint8_t {
  kPlain,       // stands as it is, escaped or not
  kUnreserved,  // RFC 3986 section 2.3: an escape of it is undone
  kEscape,      // may not stand in a path: escaped
};

constexpr std::array<Class, 256> make_classes() {
  std::array<Class, 256> classes{};
  for (size_t c = 0; c < classes.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter || digit) classes[c] = Class::kUnreserved;
    if (c <= 0x20 || c >= 0x7f) classes[c] = Class::kEscape;
  }
  for (const char c : {'-', '_', '~'}) classes[static_cast<uint8_t>(c)] = Class::kUnreserved;
  for (const char c : {'"', '#', '<', '>', '?', '^', '`', '{', '|', '}'})
    classes[static_cast<uint8_t>(c)] = Class::kEscape;
  return classes;
}
constexpr auto kClasses = make_classes();

Class class_of(char c) { return kClasses[static_cast<uint8_t>(c)]; }

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that a "%XX" at the front of `text` stands for.
std::optional<char> escaped_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

// Length of the dot at the front of `text` ("." or "%2e"); 0 if there is none.
size_t dot_length(std::string_view text) {
  if (text.starts_with('.')) return 1;
  return escaped_byte(text) == '.' ? 3 : 0;
}

bool at_segment_end(std::string_view text) { return text.empty() || text[0] == '/' || text[0] == '\\'; }

/// One pass over a path that writes its canonical form.
class Canonicalizer {
 public:
  explicit Canonicalizer(std::string& out) : out_(out) { out_.clear(); }

  /// False: the path contains NUL, which no server may be shown.
  bool run(std::string_view path) {
    if (!at_segment_end(path)) out_ += '/';
    while (!path.empty()) {
      const size_t taken = dot_length(path) > 0 ? take_dots(path)
                           : path[0] == '%'     ? take_percent(path)
                                                : take_byte(path[0]);
      path.remove_prefix(taken);
    }
    return valid_;
  }

 private:
  // "." and ".." as whole segments vanish, with what they point at; every other dot is a character.
  size_t take_dots(std::string_view path) {
    const size_t first = dot_length(path);
    if (out_.ends_with('/')) {
      const auto rest = path.substr(first);
      if (at_segment_end(rest)) return first + (rest.empty() ? 0 : 1);
      const size_t second = dot_length(rest);
      if (second > 0 && at_segment_end(rest.substr(second))) {
        leave_segment();
        return first + second + (rest.size() == second ? 0 : 1);
      }
    }
    out_ += '.';
    return first;
  }

  void leave_segment() {
    if (out_.size() > 1) out_.resize(out_.rfind('/', out_.size() - 2) + 1);
  }

  size_t take_percent(std::string_view path) {
    const auto byte = escaped_byte(path);
    if (!byte) {
      loose_percent_ = out_.size();
      out_ += '%';
      return 1;
    }
    if (class_of(*byte) == Class::kUnreserved) {
      out_ += *byte;
      keep_loose_percent(path.substr(3));
    } else {
      valid_ = valid_ && *byte != '\0';
      out_.append(path.substr(0, 3));
    }
    return 3;
  }

  // A '%' that began no escape in the input must not begin one in the output, now that what follows it was
  // unescaped
  // ("%%300" would turn into "%00" for whoever unescapes once more): it is written as %25.
  void keep_loose_percent(std::string_view next) {
    if (!loose_percent_ || out_.size() - *loose_percent_ > 3) return;
    std::string tail = out_.substr(*loose_percent_);
    if (tail.size() == 2 && !next.empty()) tail += next[0];
    if (escaped_byte(tail)) out_.insert(*loose_percent_ + 1, "25");
  }

  size_t take_byte(char c) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (c == '\\') {
      out_ += '/';
    } else if (class_of(c) == Class::kEscape) {
      valid_ = valid_ && c != '\0';
      const auto byte = static_cast<uint8_t>(c);
      out_ += '%';
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    } else {
      out_ += c;
    }
    return 1;
  }

  std::string& out_;
  std::optional<size_t> loose_percent_;  // where the last '%' stands that begins no escape
  bool valid_ = true;
};

// False only if the canonical form is the same.
bool may_need_canonical_form(std::string_view path) {
  if (!path.starts_with('/')) return true;
  char previous = '\0';
  for (const char c : path) {
    if (c == '%' || c == '\\' || class_of(c) == Class::kEscape || (c == '.' && previous == '/')) return true;
    previous = c;
  }
  return false;
}

bool has_escaped_slash(std::string_view path) {
  for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    const auto byte = escaped_byte(path.substr(at));
    if (byte == '/' || byte == '\\') return true;
  }
  return false;
}

void unescape_slashes(std::string_view path, std::string& out) {
  out.clear();
  while (!path.empty()) {
    const auto byte = escaped_byte(path);
    const bool slash = byte == '/' || byte == '\\';
    out += slash ? *byte : path[0];
    path.remove_prefix(slash ? 3 : 1);
  }
}

// A run of '/' becomes one. The first and the last are each kept, as in Envoy: of nothing but slashes two
// remain.
void merge_slashes(std::string_view path, std::string& out) {
  out.clear();
  for (const char c : path) {
    if (c != '/' || !out.ends_with('/')) out += c;
  }
  if (out == "/") out += '/';
}

/// The path as the steps change it. Each step writes beside what it reads, then the two change places; the
/// buffers are kept per thread, so that a worker does not allocate for them again.
class PathWork {
 public:
  explicit PathWork(std::string_view path) : path_(path) {}

  [[nodiscard]] std::string_view path() const { return path_; }
  std::string& target() { return buffer(next_); }
  void done() {
    path_ = buffer(next_);
    next_ = 1 - next_;
    changed_ = true;
  }
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  static std::string& buffer(size_t which) {
    thread_local std::array<std::string, 2> buffers;
    return buffers[which];
  }
  std::string_view path_;
  size_t next_ = 0;
  bool changed_ = false;
};

}  // namespace

PathParts split_path(std::string_view target) {
  const size_t question = target.find('?');
  PathParts parts{target.substr(0, question), {}, question != std::string_view::npos};
  if (parts.has_query) parts.query = target.substr(question + 1);
  parts.path = parts.path.substr(0, parts.path.find('#'));
  return parts;
}

std::optional<std::string_view> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    if (parameter.substr(0, equals) == name) return parameter.substr(std::min(equals + 1, parameter.size()));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

PathVerdict apply_path_policy(HeaderMap& head, const PathPolicy& policy) {
  if (!head.has(HeaderId::kPath)) return PathVerdict::kAccept;
  const std::string_view target = head.path();
  if (target == "*") return PathVerdict::kAccept;  // asterisk form (RFC 9112 section 3.2.4): no path at all
  if (target.find('#') != std::string_view::npos) return PathVerdict::kReject;
  const size_t question = std::min(target.find('?'), target.size());
  PathWork work(target.substr(0, question));
  PathVerdict verdict = PathVerdict::kAccept;

  if (policy.escaped_slashes != EscapedSlashes::kKeep && has_escaped_slash(work.path())) {
    if (policy.escaped_slashes == EscapedSlashes::kReject) return PathVerdict::kReject;
    if (policy.escaped_slashes == EscapedSlashes::kUnescapeAndRedirect) verdict = PathVerdict::kRedirect;
    unescape_slashes(work.path(), work.target());
    work.done();
  }
  if (policy.normalize && may_need_canonical_form(work.path())) {
    if (!Canonicalizer(work.target()).run(work.path())) return PathVerdict::kReject;
    work.done();
  }
  if (policy.merge_slashes && work.path().find("//") != std::string_view::npos) {
    merge_slashes(work.path(), work.target());
    work.done();
  }
  if (work.changed()) {
    std::string& whole = work.target();
    whole.assign(work.path()).append(target.substr(question));
    head.set(HeaderId::kPath, whole);
  }
  return verdict;
}

}  // namespace remora
