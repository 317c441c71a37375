#include <re2/re2.h>

#include "istio/model/protocol.h"
#include "istio/parse/readers.h"

namespace remora::istio {

bool read_port(Fields& fields, std::string_view name, std::optional<uint16_t>& out) {
  return fields.unsigned_integer<uint16_t>(name, out, 1);
}

Protocol read_protocol(Fields& fields, const std::string& port_name, uint16_t number) {
  std::string word;
  if (!fields.string("protocol", word)) return protocol_on_port(protocol_of_port_name(port_name), number);
  const Protocol protocol = protocol_of_word(word);
  if (protocol == Protocol::kUndeclared) fields.error("protocol", "\"" + word + "\" is no known protocol");
  return protocol;
}

bool read_captured(Fields& fields) {
  static const Words<bool> kModes{{"DEFAULT", true}, {"IPTABLES", true}, {"NONE", false}};
  bool captured = true;
  fields.word("captureMode", kModes, captured);
  return captured;
}

void read_export_to(Fields& spec, std::vector<std::string>& out) {
  if (!spec.strings("exportTo", out)) return;
  for (const std::string& target : out) {
    if (target.empty())
      spec.error("exportTo", "holds an empty string: give \".\", \"*\", \"~\" or a namespace");
  }
}

bool check_regex(Fields& fields, std::string_view name, const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) fields.error(name, "is no regular expression (RE2): " + regex.error());
  return regex.ok();
}

Destination read_destination(Fields& fields) {
  Destination destination;
  destination.line = fields.line_of(fields.has("subset") ? "subset" : "host");
  destination.path = fields.path();
  fields.string("host", destination.host);
  if (destination.host.empty()) fields.error("host", "must name a host");
  fields.string("subset", destination.subset);
  fields.object("port", [&](Fields& port) {
    if (!read_port(port, "number", destination.port) && !port.has("number")) {
      port.error("", "must have a number");
    }
  });
  return destination;
}

}  // namespace remora::istio
