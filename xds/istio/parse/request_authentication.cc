#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

/// Texts of which none may be empty.
void read_texts(Fields& fields, const std::string& name, std::vector<std::string>& out) {
  fields.strings(name, out);
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].empty()) fields.error(name + '[' + std::to_string(i) + ']', "must not be empty");
  }
}

void read_required(Fields& fields, std::string_view name, std::string& out) {
  if (!fields.has(name)) {
    fields.error(name, "is required");
  } else if (fields.string(name, out) && out.empty()) {
    fields.error(name, "must not be empty");
  }
}

/// Either the keys or where they are.
void read_keys(Fields& fields, JwtRule& rule) {
  fields.string("jwks", rule.jwks);
  fields.string("jwksUri", rule.jwks_uri);
  if (!rule.jwks_uri.empty() && !parse_jwks_uri(rule.jwks_uri))
    fields.error("jwksUri", "\"" + rule.jwks_uri + "\" is no address of http or https");
  if (!rule.jwks.empty() && !rule.jwks_uri.empty()) {
    fields.warning("jwksUri", "has no effect beside jwks");
    rule.jwks_uri.clear();
  }
  if (rule.jwks.empty() && rule.jwks_uri.empty() && !fields.has("jwksUri")) {
    fields.error("jwks",
                 "is required, or jwksUri: looking the keys up by the issuer's discovery document "
                 "is not implemented");
  }
}

void read_output(Fields& fields, JwtRule& rule) {
  fields.string("outputPayloadToHeader", rule.payload_header);
  fields.objects("outputClaimToHeaders", [&](Fields& item) {
    auto& [header, claim] = rule.claim_headers.emplace_back();
    read_required(item, "header", header);
    read_required(item, "claim", claim);
  });
  fields.boolean("forwardOriginalToken", rule.forward);
  read_texts(fields, "spaceDelimitedClaims", rule.space_delimited);
}

JwtRule read_rule(Fields& fields) {
  JwtRule rule;
  rule.path = fields.path();
  rule.line = fields.line();
  rule.timeout = std::chrono::seconds(5);
  read_required(fields, "issuer", rule.issuer);
  read_texts(fields, "audiences", rule.audiences);
  read_keys(fields, rule);
  fields.objects("fromHeaders", [&](Fields& item) {
    JwtRule::Header& header = rule.from_headers.emplace_back();
    read_required(item, "name", header.name);
    item.string("prefix", header.prefix);
  });
  read_texts(fields, "fromParams", rule.from_params);
  read_texts(fields, "fromCookies", rule.from_cookies);
  read_output(fields, rule);
  fields.duration("timeout", rule.timeout);
  return rule;
}

}  // namespace

RequestAuthentication read_request_authentication(Fields& spec) {
  RequestAuthentication policy;
  spec.object("selector", [&](Fields& item) {
    item.string_map("matchLabels", policy.selector);
    if (policy.selector.empty()) item.error("matchLabels", "must name at least one label");
  });
  for (const char* field : {"targetRef", "targetRefs"})
    spec.unsupported(field, Severity::kError, "is not implemented: there are neither gateways nor waypoints");
  spec.objects("jwtRules", [&](Fields& item) { policy.rules.push_back(read_rule(item)); });
  return policy;
}

}  // namespace remora::istio
