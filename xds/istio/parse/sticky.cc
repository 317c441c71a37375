#include <algorithm>
#include <cctype>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

constexpr long long kLongestAge = 400LL * 24 * 3600;  // browsers keep cookies no longer

/// What stands before `mark`, without blanks around it; `text` loses both.
std::string take(std::string& text, char mark) {
  const size_t end = std::min(text.find(mark), text.size());
  std::string part = text.substr(0, end);
  text.erase(0, std::min(end + 1, text.size()));
  const size_t first = part.find_first_not_of(' ');
  return first == std::string::npos ? "" : part.substr(first, part.find_last_not_of(' ') - first + 1);
}

bool is_name(const std::string& text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

}  // namespace

Result<Sticky> parse_sticky(std::string text) {
  Sticky sticky;
  const std::string by = take(text, '=');
  sticky.name = take(text, ';');
  if (by == "cookie") {
    sticky.by = Sticky::By::kCookie;
  } else if (by != "header") {
    return Error{"must be header=NAME or cookie=NAME"};
  }
  if (!is_name(sticky.name)) return Error{"must name a " + by + " by letters, digits, - and _"};
  if (text.empty()) return sticky;
  const std::string setting = take(text, '=');
  const auto age = parse_integer(text);
  if (by == "header" || setting != "max-age" || !age || *age < 1 || *age > kLongestAge)
    return Error{"may say max-age=SECONDS behind a cookie, up to " + std::to_string(kLongestAge)};
  sticky.max_age = std::chrono::seconds(*age);
  return sticky;
}

}  // namespace remora::istio
