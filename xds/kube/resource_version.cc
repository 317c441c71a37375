#include "kube/resource_version.h"

#include <charconv>

#include "kube/status.h"

namespace remora::kube {
namespace {

Refusal bad_options(const std::string& field, const std::string& message) {
  return {422,
          "Invalid",
          "ListOptions.meta.k8s.io \"\" is invalid: " + field + ": " + message,
          {{"FieldValueInvalid", message, field}}};
}

}  // namespace

std::optional<uint64_t> parse_version(std::string_view text) {
  uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return version;
}

std::optional<Refusal> check_read_version(const Call& call, uint64_t now) {
  const std::string text = call.query("resourceVersion"), match = call.query("resourceVersionMatch");
  if (text.empty()) {
    if (match.empty()) return std::nullopt;
    return bad_options("resourceVersionMatch", "Forbidden: needs a resourceVersion");
  }
  const auto version = parse_version(text);
  if (!version) return bad_options("resourceVersion", "Invalid value: \"" + text + "\": must be a number");
  if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
    return bad_options("resourceVersionMatch",
                       "Unsupported value: \"" + match + "\": supported are Exact, NotOlderThan");
  }
  if (*version > now) {
    return Refusal{504,
                   "Timeout",
                   "Too large resource version: " + text + ", current: " + std::to_string(now),
                   {{"ResourceVersionTooLarge", "Too large resource version", ""}}};
  }
  if (match == "Exact" && *version == 0) {
    return bad_options("resourceVersionMatch", "Forbidden: Exact needs a resourceVersion other than 0");
  }
  if (match == "Exact" && *version != now)
    return expired("The provided resource version is too old: only the present state is kept");
  return std::nullopt;
}

}  // namespace remora::kube
