#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

MtlsMode read_mtls(Fields& fields) {
  static const Words<MtlsMode> kModes{{"UNSET", MtlsMode::kUnset},
                                      {"DISABLE", MtlsMode::kDisable},
                                      {"PERMISSIVE", MtlsMode::kPermissive},
                                      {"STRICT", MtlsMode::kStrict}};
  MtlsMode mode = MtlsMode::kUnset;
  fields.word("mode", kModes, mode);
  return mode;
}

/// The keys are port numbers.
void read_port_modes(Fields& fields, std::map<uint16_t, MtlsMode>& ports) {
  fields.entries("portLevelMtls", [&](const std::string& key, Fields& item) {
    constexpr long long kHighest = 65535;
    const auto number = parse_integer(key);
    const MtlsMode mode = read_mtls(item);
    if (!number || *number < 1 || *number > kHighest) {
      item.error("", "\"" + key + "\" is no port number");
    } else {
      ports[static_cast<uint16_t>(*number)] = mode;
    }
  });
}

}  // namespace

PeerAuthentication read_peer_authentication(Fields& spec) {
  PeerAuthentication policy;
  spec.object("selector", [&](Fields& item) {
    item.string_map("matchLabels", policy.selector);
    if (policy.selector.empty()) item.error("matchLabels", "must name at least one label");
  });
  spec.object("mtls", [&](Fields& item) { policy.mode = read_mtls(item); });
  read_port_modes(spec, policy.ports);
  if (!policy.ports.empty() && policy.selector.empty()) {
    spec.error("portLevelMtls", "needs a selector: ports are those of single workloads");
  }
  return policy;
}

}  // namespace remora::istio
