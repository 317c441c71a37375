#include "istio/build/proxy_node.h"

#include <algorithm>
#include <vector>

#include "envoy/config/core/v3/base.pb.h"
#include "istio/model/address_range.h"
#include "istio/model/resource.h"
#include "istio/text/scalar.h"

namespace remora::istio {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t end = text.find(separator); end != std::string::npos; end = text.find(separator, start)) {
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

/// A string of the metadata; `otherwise` where it is absent.
std::string metadata_string(const google::protobuf::Struct& metadata, const std::string& key,
                            const std::string& otherwise) {
  const auto field = metadata.fields().find(key);
  return field == metadata.fields().end() ? otherwise : field->second.string_value();
}

Labels metadata_labels(const google::protobuf::Struct& metadata) {
  Labels labels;
  const auto field = metadata.fields().find("LABELS");
  if (field == metadata.fields().end()) return labels;
  for (const auto& [name, value] : field->second.struct_value().fields()) labels[name] = value.string_value();
  return labels;
}

Result<Interception> read_interception(const google::protobuf::Struct& metadata) {
  const std::string mode = metadata_string(metadata, "INTERCEPTION_MODE", "NONE");
  if (mode == "NONE") return Interception::kNone;
  if (mode == "REDIRECT") return Interception::kRedirect;
  if (mode == "TPROXY") return Interception::kTproxy;
  return Error{"node.metadata.INTERCEPTION_MODE \"" + mode + "\" is none of NONE, REDIRECT and TPROXY"};
}

/// The id's address first, then the others of INSTANCE_IPS, a list with commas.
Result<std::vector<std::string>> read_addresses(const google::protobuf::Struct& metadata,
                                                const std::string& ip) {
  std::vector<std::string> addresses;
  if (!ip.empty()) addresses.push_back(ip);
  const std::string listed = metadata_string(metadata, "INSTANCE_IPS", "");
  if (listed.empty()) return addresses;
  for (const std::string& address : split(listed, ',')) {
    if (!is_ip_address(address)) {
      return Error{"node.metadata.INSTANCE_IPS \"" + listed + "\": \"" + address + "\" is no IP address"};
    }
    if (address != ip) addresses.push_back(address);
  }
  return addresses;
}

/// Where things are when nothing is intercepted: with interception the kernel knows.
Result<void> read_own_addresses(const google::protobuf::Struct& metadata, ProxyNode& proxy) {
  for (const char* key : {"REMORA_OUTBOUND", "REMORA_APP_ADDRESS"}) {
    if (proxy.intercepted() && metadata.fields().contains(key)) {
      return Error{"node.metadata." + std::string(key) + " goes with INTERCEPTION_MODE NONE only"};
    }
  }
  proxy.outbound_address = metadata_string(metadata, "REMORA_OUTBOUND", proxy.outbound_address);
  if (proxy.outbound_address == "none") proxy.outbound_address.clear();
  proxy.app_address = metadata_string(metadata, "REMORA_APP_ADDRESS", proxy.app_address);
  if (!proxy.outbound_address.empty() && !is_ip_address(proxy.outbound_address)) {
    return Error{"node.metadata.REMORA_OUTBOUND \"" + proxy.outbound_address +
                 "\" is neither an IP address nor none"};
  }
  if (!is_ip_address(proxy.app_address)) {
    return Error{"node.metadata.REMORA_APP_ADDRESS \"" + proxy.app_address + "\" is no IP address"};
  }
  return {};
}

/// What the node says; without that, Istio's label, which cannot hold a slash.
std::string read_locality(const envoy::config::core::v3::Locality& said, const Labels& labels) {
  if (!said.region().empty()) return said.region() + '/' + said.zone() + '/' + said.sub_zone();
  const auto label = labels.find("istio-locality");
  if (label == labels.end()) return {};
  std::string text = label->second;
  std::replace(text.begin(), text.end(), '.', '/');
  return text;
}

/// Metadata flags come as booleans from files and as strings from environment variables.
bool metadata_flag(const google::protobuf::Struct& metadata, const std::string& key) {
  const auto field = metadata.fields().find(key);
  if (field == metadata.fields().end()) return false;
  return field->second.bool_value() || field->second.string_value() == "true";
}

}  // namespace

std::string ProxyNode::outbound_key() const {
  std::string key = ns + '\n' + cluster_id + '\n' + outbound_address + '\n' + (plain_envoy ? "plain" : "") +
                    (is_gateway() ? "gateway" : "") + (grpc ? "grpc" : "") + (vhds ? "vhds" : "") +
                    (on_demand ? "asks" : "") + (identified ? "identified" : "") +
                    std::to_string(static_cast<int>(interception));
  key += '\n' + locality;
  key += std::string(has_ipv4() ? "4" : "") + (has_ipv6() ? "6" : "");
  for (const auto& label : labels) key += '\n' + label.first + '=' + label.second;
  return key;
}

std::string ProxyNode::key() const {
  std::string key = outbound_key() + "\n\n" + ip + '\n' + app_address;
  for (const std::string& address : addresses) key += '\n' + address;
  return key;
}

bool ProxyNode::has_ipv6() const { return std::any_of(addresses.begin(), addresses.end(), is_ipv6); }

bool ProxyNode::has_ipv4() const {
  return addresses.empty() || !std::all_of(addresses.begin(), addresses.end(), is_ipv6);
}

Result<ProxyNode> parse_proxy_node(const envoy::config::core::v3::Node& node) {
  const auto parts = split(node.id(), '~');
  if (parts.size() != 4) {
    return Error{"node.id \"" + node.id() + "\" is not TYPE~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local"};
  }
  if (parts[0] != "sidecar" && parts[0] != "router") {
    return Error{"node.id \"" + node.id() + "\": type \"" + parts[0] +
                 "\" is not served, only sidecar and router"};
  }
  const auto& metadata = node.metadata();
  ProxyNode proxy;
  if (parts[0] == "router") proxy.type = ProxyType::kGateway;
  proxy.id = node.id();
  proxy.ip = parts[1];
  if (!proxy.ip.empty() && !is_ip_address(proxy.ip)) {
    return Error{"node.id \"" + node.id() + "\": \"" + proxy.ip + "\" is no IP address"};
  }
  proxy.name = parts[2];
  const size_t dot = parts[3].find('.');
  proxy.ns = metadata_string(metadata, "NAMESPACE", parts[3].substr(0, dot));
  if (proxy.ns.empty()) proxy.ns = kDefaultNamespace;
  proxy.service_account = metadata_string(metadata, "SERVICE_ACCOUNT", "");
  const auto interception = read_interception(metadata);
  if (!interception.ok()) return interception.error();
  // Nothing is intercepted for a gateway, though Istio's templates say the mesh's mode there, too.
  proxy.interception = proxy.is_gateway() ? Interception::kNone : *interception;
  auto addresses = read_addresses(metadata, proxy.ip);
  if (!addresses.ok()) return addresses.error();
  proxy.addresses = *std::move(addresses);
  proxy.cluster_id = metadata_string(metadata, "CLUSTER_ID", proxy.cluster_id);
  proxy.labels = metadata_labels(metadata);
  proxy.locality = read_locality(node.locality(), proxy.labels);
  const std::string generator = metadata_string(metadata, "GENERATOR", "");
  if (!generator.empty() && generator != "grpc")
    return Error{"node.metadata.GENERATOR \"" + generator + "\" is not served, only grpc"};
  proxy.grpc = generator == "grpc";
  if (proxy.grpc && proxy.intercepted())
    return Error{"node.metadata.GENERATOR grpc goes with INTERCEPTION_MODE NONE only"};
  proxy.plain_envoy = metadata_flag(metadata, "REMORA_PLAIN_ENVOY");
  proxy.vhds = metadata_flag(metadata, "REMORA_VHDS") && !proxy.grpc;
  if (const auto read = read_own_addresses(metadata, proxy); !read.ok()) return read.error();
  return proxy;
}

}  // namespace remora::istio
