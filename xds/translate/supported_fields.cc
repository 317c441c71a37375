#include "translate/supported_fields.h"

#include <google/protobuf/descriptor.h>

#include <iterator>
#include <map>
#include <sstream>
#include <vector>

#include "translate/field_rules.h"

namespace remora::xds {
namespace {

using google::protobuf::Descriptor;

constexpr std::string_view kIntroduction =
    "# Supported configuration fields\n"
    "\n"
    "Generated from the tables in `xds/translate/rules_*.cc`, which the proxy checks every configuration "
    "against. A field\n"
    "that is set and stands under *refused* makes the proxy reject the configuration by the field's path; "
    "one under *no\n"
    "effect* is accepted with a warning. Message types that are not listed are refused as a whole, HTTP "
    "filters excepted:\n"
    "they say themselves what they read.\n";

void append_fields(std::string_view label, const std::vector<std::string>& fields, std::string& out) {
  if (fields.empty()) return;
  out += "- ";
  out += label;
  out += ":";
  for (const auto& field : fields) out += " `" + field + "`";
  out += "\n";
}

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

void append_message(const MessageRules& rules, const Descriptor& type, std::string& out) {
  std::map<std::string, bool> named;
  const auto name_all = [&](std::string_view text) {
    auto list = words(text);
    for (const auto& field : list) named[field] = true;
    return list;
  };
  out += "\n## " + std::string(rules.message) + "\n\n";
  std::vector<std::string> implemented = name_all(rules.implemented);
  for (auto& field : name_all(rules.checked_by_reader)) implemented.push_back(std::move(field));
  append_fields("implemented", implemented, out);
  for (const auto& only : rules.only) {
    named[std::string(only.field)] = true;
    out += "- only `" + std::string(only.value) + "`: `" + std::string(only.field) + "`\n";
  }
  for (const auto& entry : rules.no_effect) {
    append_fields("no effect (" + std::string(entry.reason) + ")", name_all(entry.fields), out);
  }
  std::vector<std::string> refused;
  for (int i = 0; i < type.field_count(); ++i) {
    if (!named.contains(type.field(i)->name())) refused.push_back(type.field(i)->name());
  }
  append_fields("refused", refused, out);
  if (type.field_count() == 0) out += "(no fields)\n";
}

}  // namespace

std::string supported_fields_document() {
  std::string out(kIntroduction);
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const auto& rules : {bootstrap_rules(), listener_rules(), route_rules(), filter_rules(),
                            cluster_rules(), tls_rules(), common_rules()}) {
    for (const MessageRules& entry : rules) {
      const Descriptor* type = pool->FindMessageTypeByName(std::string(entry.message));
      if (type != nullptr) append_message(entry, *type, out);
    }
  }
  return out;
}

}  // namespace remora::xds
