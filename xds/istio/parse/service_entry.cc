#include <algorithm>
#include <set>

#include "istio/model/hosts.h"
#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

ServiceEntryPort read_service_port(Fields& fields) {
  ServiceEntryPort port;
  std::optional<uint16_t> number;
  if (!read_port(fields, "number", number) && !fields.has("number")) fields.error("number", "is required");
  port.number = number.value_or(0);
  fields.string("name", port.name);
  if (port.name.empty() && !fields.has("name")) fields.error("name", "is required");
  read_port(fields, "targetPort", port.target_port);
  port.protocol = read_protocol(fields, port.name, port.number);
  return port;
}

void read_ports(Fields& spec, ServiceEntry& entry) {
  std::set<std::string> names;
  std::set<uint16_t> numbers;
  spec.objects("ports", [&](Fields& item) {
    ServiceEntryPort port = read_service_port(item);
    if (!names.insert(port.name).second) item.error("name", "port name \"" + port.name + "\" is used twice");
    if (!numbers.insert(port.number).second) {
      item.error("number", "port " + std::to_string(port.number) + " is used twice");
    }
    if (port.protocol == Protocol::kOther) {
      item.warning("", "gets no listener: its protocol is not carried");
    }
    entry.ports.push_back(std::move(port));
  });
  if (entry.ports.empty()) spec.error("ports", "must have at least one port");
}

void read_resolution(Fields& spec, ServiceEntry& entry) {
  static const Words<Resolution> kResolutions{{"NONE", Resolution::kNone},
                                              {"STATIC", Resolution::kStatic},
                                              {"DNS", Resolution::kDns},
                                              {"DNS_ROUND_ROBIN", Resolution::kDnsRoundRobin}};
  spec.word("resolution", kResolutions, entry.resolution);
}

/// Where clients know the endpoints there is nothing else to choose.
void refuse_endpoints_as_called(Fields& spec, const ServiceEntry& entry) {
  if (entry.resolution != Resolution::kNone) return;
  for (const char* field : {"endpoints", "workloadSelector"}) {
    if (spec.has(field)) spec.error(field, "cannot stand with resolution NONE: give STATIC");
  }
}

void check_names(Fields& spec, const ServiceEntry& entry) {
  for (const std::string& address : entry.addresses) {
    if (address.find('/') != std::string::npos)
      spec.error("addresses", '"' + address + "\" is a range: that goes with resolution NONE or STATIC only");
  }
  if (entry.resolution == Resolution::kDnsRoundRobin && entry.endpoints.size() > 1)
    spec.error("endpoints", "must be one at most with resolution DNS_ROUND_ROBIN");
  if (!entry.endpoints.empty() || !entry.workload_selector.empty()) return;
  for (const std::string& host : entry.hosts) {
    if (is_dns_name(host)) continue;
    spec.error("hosts", '"' + host + "\" is no full name that could be looked up: give endpoints");
  }
}

/// Bytes do not say which of several hosts they are for.
void check_hosts(Fields& spec, const ServiceEntry& entry) {
  if (entry.hosts.size() < 2 || entry.resolution == Resolution::kNone) return;
  const bool bytes = std::any_of(entry.ports.begin(), entry.ports.end(), [](const ServiceEntryPort& port) {
    return port.protocol == Protocol::kTcp || port.protocol == Protocol::kOther;
  });
  if (bytes)
    spec.error("hosts", "must be one where a port is neither HTTP nor TLS: nothing tells them apart");
}

void read_endpoint(Fields& item, ServiceEntry& entry) {
  const Workload& workload = entry.endpoints.emplace_back(read_workload(item));
  if (!is_looked_up(entry.resolution) && is_dns_name(workload.address) && !is_ip_address(workload.address))
    item.error("address", '"' + workload.address + "\" is no IP address: names go with resolution DNS");
  for (const auto& [name, number] : workload.ports) {
    const bool known = std::any_of(entry.ports.begin(), entry.ports.end(),
                                   [&](const ServiceEntryPort& port) { return port.name == name; });
    if (!known)
      item.error("ports." + name, "port " + std::to_string(number) + " is not defined by the ServiceEntry");
  }
}

}  // namespace

ServiceEntry read_service_entry(Fields& spec) {
  ServiceEntry entry;
  spec.strings("hosts", entry.hosts);
  if (entry.hosts.empty()) spec.error("hosts", "must name at least one host");
  spec.strings("addresses", entry.addresses);
  for (const std::string& address : entry.addresses) {
    if (!is_ip_address(address)) {
      spec.warning(
          "addresses",
          "\"" + address +
              "\" is no single IP address: without interception requests are told apart by Host only");
    }
  }
  static const Words<bool> kLocations{{"MESH_EXTERNAL", true}, {"MESH_INTERNAL", false}};
  spec.word("location", kLocations, entry.external);
  read_resolution(spec, entry);
  read_ports(spec, entry);
  spec.objects("endpoints", [&](Fields& item) { read_endpoint(item, entry); });
  spec.object("workloadSelector", [&](Fields& item) {
    item.string_map("labels", entry.workload_selector);
    if (entry.workload_selector.empty()) item.error("labels", "must name at least one label");
  });
  if (spec.has("endpoints") && spec.has("workloadSelector")) {
    spec.error("workloadSelector", "cannot stand beside endpoints");
  }
  refuse_endpoints_as_called(spec, entry);
  if (is_looked_up(entry.resolution)) check_names(spec, entry);
  check_hosts(spec, entry);
  read_export_to(spec, entry.export_to);
  spec.strings("subjectAltNames", entry.subject_alt_names);
  return entry;
}

}  // namespace remora::istio
