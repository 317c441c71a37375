#include "remora/config/matchers.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "core/ascii.h"
#include "core/regex_options.h"
#include "remora/config/metadata.h"
#include "remora/http/filter_state.h"
#include "remora/http/path.h"

namespace remora {
namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

bool contains_folded(std::string_view text, std::string_view folded) {
  const auto same = [](char a, char b) { return ascii_lower(a) == b; };
  return folded.empty() ||
         std::search(text.begin(), text.end(), folded.begin(), folded.end(), same) != text.end();
}

/// A decimal integer, with a sign and surrounding blanks as absl::SimpleAtoi takes them.
std::optional<int64_t> parse_integer(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

re2::RE2::Options regex_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);  // errors are answered to whoever configured the pattern
  return options;
}

Result<Regex> Regex::compile(std::string_view pattern, int max_program_size) {
  auto program = std::make_shared<re2::RE2>(piece(pattern), regex_options());
  if (!program->ok()) return Error{"regex '" + std::string(pattern) + "': " + program->error()};
  if (program->ProgramSize() > max_program_size) {
    return Error{"regex '" + std::string(pattern) + "': its program size " +
                 std::to_string(program->ProgramSize()) + " exceeds the limit of " +
                 std::to_string(max_program_size)};
  }
  Regex regex;
  regex.program_ = std::move(program);
  return regex;
}

bool Regex::matches(std::string_view text) const {
  return program_ != nullptr && re2::RE2::FullMatch(piece(text), *program_);
}

std::string Regex::replace_all(std::string_view text, std::string_view substitution) const {
  std::string result(text);
  if (program_ != nullptr) re2::RE2::GlobalReplace(&result, *program_, piece(substitution));
  return result;
}

const std::string& Regex::pattern() const {
  static const std::string none;
  return program_ == nullptr ? none : program_->pattern();
}

bool StringMatcher::matches(std::string_view text) const {
  const size_t length = value.size();
  const bool fits = text.size() >= length;
  switch (kind) {
    case Kind::kExact: return ignore_case ? equals_folded(text, value) : text == value;
    case Kind::kPrefix:
      return ignore_case ? fits && equals_folded(text.substr(0, length), value) : text.starts_with(value);
    case Kind::kSuffix:
      return ignore_case ? fits && equals_folded(text.substr(text.size() - length), value)
                         : text.ends_with(value);
    case Kind::kContains:
      return ignore_case ? contains_folded(text, value) : text.find(value) != std::string_view::npos;
    case Kind::kRegex: return regex.matches(text);
  }
  return false;
}

bool HeaderMatcher::value_matches(std::string_view value) const {
  if (kind == Kind::kString) return string.matches(value);
  const auto number = parse_integer(value);
  return number && *number >= range_start && *number < range_end;
}

bool HeaderMatcher::matches(const HeaderMap& headers) const {
  const bool host = id == HeaderId::kHost && !headers.has(HeaderId::kHost);  // one header under two names
  const HeaderId wanted = host ? HeaderId::kAuthority : id;
  bool found = false;
  for (const auto& field : headers.fields()) {
    if (wanted == HeaderId::kOther ? field.name != name : field.id != wanted) continue;
    found = true;
    if (kind != Kind::kPresent && value_matches(field.value)) return !invert;
  }
  if (kind == Kind::kPresent) return ((found || treat_missing_as_empty) == present) != invert;
  // A missing header fails every other rule, inverted or not, unless it stands for "".
  if (!found) return treat_missing_as_empty && value_matches({}) != invert;
  return invert;
}

bool QueryMatcher::matches(std::string_view query) const {
  const auto found = query_parameter(query, name);
  if (any_value) return found.has_value() == present;
  return found && string.matches(*found);
}

bool FilterStateMatcher::matches(const FilterState* state) const {
  const std::string* object = state == nullptr ? nullptr : state->find(key);
  return object != nullptr && string.matches(*object);
}

bool ValueMatcher::matches(const MetadataValue& subject) const {
  const auto one_matches = [this](const MetadataValue& item) { return any.front().matches(item); };
  const auto* number = std::get_if<double>(&subject.value);
  const auto* boolean = std::get_if<bool>(&subject.value);
  const auto* list = std::get_if<MetadataValue::List>(&subject.value);
  switch (kind) {
    case Kind::kNull: return std::holds_alternative<std::monostate>(subject.value);
    case Kind::kNumber:
      return number != nullptr && (from == to ? *number == from : *number >= from && *number < to);
    case Kind::kString: return subject.string() != nullptr && string.matches(*subject.string());
    case Kind::kBool: return boolean != nullptr && *boolean == flag;
    case Kind::kPresent: return flag;
    case Kind::kOneOf: return list != nullptr && std::ranges::any_of(*list, one_matches);
    case Kind::kOr:
      return std::ranges::any_of(any, [&](const ValueMatcher& matcher) { return matcher.matches(subject); });
  }
  return false;
}

bool MetadataMatcher::matches(const Metadata* metadata) const {
  const MetadataValue* const found = find(metadata);
  return (found != nullptr && value.matches(*found)) != invert;
}

const MetadataValue* MetadataMatcher::find(const Metadata* metadata) const {
  if (metadata == nullptr) return nullptr;
  const auto found = metadata->filters.find(filter);
  const MetadataValue* at = found == metadata->filters.end() ? nullptr : &found->second;
  for (const std::string& step : path) at = at == nullptr ? nullptr : at->find(step);
  return at;
}

}  // namespace remora
