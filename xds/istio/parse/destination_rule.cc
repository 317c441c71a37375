#include <set>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

Subset read_subset(Fields& fields) {
  Subset subset;
  fields.string("name", subset.name);
  if (subset.name.empty()) fields.error("name", "must name the subset");
  if (subset.name.find('|') != std::string::npos) fields.error("name", "cannot hold a |");
  fields.string_map("labels", subset.labels);
  fields.object("trafficPolicy", [&](Fields& item) { subset.traffic_policy = read_traffic_policy(item); });
  return subset;
}

}  // namespace

DestinationRule read_destination_rule(Fields& spec) {
  DestinationRule rule;
  rule.host_line = spec.line_of("host");
  spec.string("host", rule.host);
  if (rule.host.empty()) spec.error("host", "must name a host");
  spec.object("trafficPolicy", [&](Fields& item) { rule.traffic_policy = read_traffic_policy(item); });
  std::set<std::string> names;
  spec.objects("subsets", [&](Fields& item) {
    Subset subset = read_subset(item);
    if (!names.insert(subset.name).second) {
      item.error("name", "subset \"" + subset.name + "\" is defined twice");
    }
    rule.subsets.push_back(std::move(subset));
  });
  read_export_to(spec, rule.export_to);
  spec.unsupported("workloadSelector", Severity::kError,
                   "is not implemented: the rule would hold for every client");
  return rule;
}

}  // namespace remora::istio
