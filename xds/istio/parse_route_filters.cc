#include <algorithm>

#include "istio/parse.h"

namespace remora::istio {
namespace {

bool is_token(const std::string& text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

/// Names of methods and fields; "*" among them stands for all.
void read_names(Fields& fields, const std::string& name, std::vector<std::string>& out) {
  fields.strings(name, out);
  for (size_t i = 0; i < out.size(); ++i) {
    if (is_token(out[i])) continue;
    fields.error(name + '[' + std::to_string(i) + ']', "\"" + out[i] + "\" is no name of HTTP");
  }
}

void read_origins(Fields& fields, CorsPolicy& policy) {
  fields.objects("allowOrigins", [&](Fields& item) {
    if (auto match = read_string_match(item)) {
      policy.allow_origins.push_back(std::move(*match));
    } else {
      item.error("", "needs one of exact, prefix and regex");
    }
  });
  std::vector<std::string> older;
  if (!fields.strings("allowOrigin", older)) return;
  if (!policy.allow_origins.empty()) {
    fields.warning("allowOrigin", "has no effect beside allowOrigins");
    return;
  }
  fields.warning("allowOrigin", "is deprecated: write allowOrigins: [{exact: ...}]");
  for (std::string& origin : older)
    policy.allow_origins.push_back({StringMatch::Kind::kExact, std::move(origin)});
}

}  // namespace

void read_cors_policy(Fields& fields, std::optional<CorsPolicy>& out) {
  fields.object("corsPolicy", [&](Fields& item) {
    CorsPolicy policy;
    read_origins(item, policy);
    read_names(item, "allowMethods", policy.allow_methods);
    read_names(item, "allowHeaders", policy.allow_headers);
    read_names(item, "exposeHeaders", policy.expose_headers);
    Duration age{};
    if (item.duration("maxAge", age, true)) {
      if (age % std::chrono::seconds(1) != Duration::zero()) item.error("maxAge", "must be whole seconds");
      policy.max_age = age;
    }
    bool flag = false;
    if (item.boolean("allowCredentials", flag)) policy.allow_credentials = flag;
    static const Words<bool> kUnmatched{{"UNSPECIFIED", true}, {"FORWARD", true}, {"IGNORE", false}};
    item.word("unmatchedPreflights", kUnmatched, policy.forward_unmatched_preflights);
    out = std::move(policy);
  });
}

}  // namespace remora::istio
