#include "common/shared_factory.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "header_mutation/header_mutation.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::header_mutation::v3;
using envoy::config::core::v3::KeyValueAppend;
using envoy::config::core::v3::KeyValueMutation;
using Action = HeaderMutation::Action;

Action to_action(KeyValueAppend::KeyValueAppendAction action) {
  switch (action) {
    case KeyValueAppend::ADD_IF_ABSENT: return Action::kAddIfAbsent;
    case KeyValueAppend::OVERWRITE_IF_EXISTS_OR_ADD: return Action::kOverwriteOrAdd;
    case KeyValueAppend::OVERWRITE_IF_EXISTS: return Action::kOverwriteIfExists;
    default: return Action::kAppendOrAdd;
  }
}

QueryEdit to_query_edit(const KeyValueMutation& proto, const std::string& path, ConfigReport& report) {
  QueryEdit out;
  out.remove = !proto.remove().empty();
  if (out.remove == proto.has_append()) report.error(path, "needs exactly one of append and remove");
  if (out.remove) {
    out.name = proto.remove();
    return out;
  }
  const auto& record = proto.append().record();
  out.name = record.key();
  out.action = to_action(proto.append().action());
  const std::string at_record = path + ".append.record";
  if (out.name.empty()) report.error(at_record + ".key", "must not be empty");
  if (record.value().kind_case() != google::protobuf::Value::kStringValue) {
    report.error(at_record + ".value", "must be a string");
    return out;
  }
  auto format = Format::parse(record.value().string_value());
  if (!format.ok()) {
    report.error(at_record + ".value", format.error().message);
    return out;
  }
  out.value = std::move(*format);
  return out;
}

void set_edits(const v3::Mutations& proto, const FilterFactoryContext& context, const std::string& path,
               ConfigReport& report, HeaderEdits& out) {
  out.request = to_header_edits(proto.request_mutations(), context, path + ".request_mutations", report);
  out.response = to_header_edits(proto.response_mutations(), context, path + ".response_mutations", report);
  out.response_trailers = to_header_edits(proto.response_trailers_mutations(), context,
                                          path + ".response_trailers_mutations", report);
  for (int i = 0; i < proto.query_parameter_mutations_size(); ++i) {
    const std::string at = path + ".query_parameter_mutations[" + std::to_string(i) + "]";
    out.query.push_back(to_query_edit(proto.query_parameter_mutations(i), at, report));
  }
  out.request_trailers = to_header_edits(proto.request_trailers_mutations(), context,
                                         path + ".request_trailers_mutations", report);
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
