#include "common/shared_factory.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "header_mutation/header_mutation.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::header_mutation::v3;
using ProtoMutation = envoy::config::common::mutation_rules::v3::HeaderMutation;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

HeaderEdit to_edit(const ProtoMutation& proto, const FilterFactoryContext& context, const std::string& path,
                   ConfigReport& report) {
  HeaderEdit out;
  switch (proto.action_case()) {
    case ProtoMutation::kRemove: {
      const std::string name = lower(proto.remove());
      if (name.starts_with(':') || name == "host")
        report.error(path + ".remove", "'" + name + "' cannot be removed");
      out.mutation.remove.push_back(name);
      break;
    }
    case ProtoMutation::kAppend:
      out.mutation.add.push_back(to_header_mutation(proto.append(), context, path + ".append", report));
      break;
    case ProtoMutation::kRemoveOnMatch:
      out.remove_matching = to_string_matcher(proto.remove_on_match().key_matcher(), context,
                                              path + ".remove_on_match.key_matcher", report);
      break;
    default: report.error(path, "names no action");
  }
  return out;
}

template <typename List>
std::vector<HeaderEdit> to_edits(const List& list, const FilterFactoryContext& context,
                                 const std::string& path, ConfigReport& report) {
  std::vector<HeaderEdit> out;
  for (int i = 0; i < list.size(); ++i)
    out.push_back(to_edit(list[i], context, path + "[" + std::to_string(i) + "]", report));
  return out;
}

void set_edits(const v3::Mutations& proto, const FilterFactoryContext& context, const std::string& path,
               ConfigReport& report, HeaderEdits& out) {
  out.request = to_edits(proto.request_mutations(), context, path + ".request_mutations", report);
  out.response = to_edits(proto.response_mutations(), context, path + ".response_mutations", report);
  out.request_trailers =
      to_edits(proto.request_trailers_mutations(), context, path + ".request_trailers_mutations", report);
}

}  // namespace

std::shared_ptr<const FilterFactory> make_header_mutation(const FilterSource& source,
                                                          const FilterFactoryContext& context,
                                                          ConfigReport& report) {
  v3::HeaderMutation proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto config = std::make_shared<HeaderMutationConfig>();
  set_edits(proto.mutations(), context, source.path + ".mutations", report, config->edits);
  config->most_specific_wins = proto.most_specific_header_mutations_wins();
  if (report.error_count() != errors_before) return nullptr;
  return std::make_shared<SharedFilterFactory<const HeaderMutationConfig, make_header_mutation_filter>>(
      source.name, std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_header_mutation(const FilterSource& source,
                                                                    const FilterFactoryContext& context,
                                                                    ConfigReport& report) {
  v3::HeaderMutationPerRoute proto;
  if (!parse_config(source, proto, report)) return nullptr;
  const size_t errors_before = report.error_count();
  auto edits = std::make_shared<HeaderEdits>();
  set_edits(proto.mutations(), context, source.path + ".mutations", report, *edits);
  return report.error_count() == errors_before ? edits : nullptr;
}

}  // namespace remora::filters
