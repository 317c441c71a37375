#include "client/bootstrap_proto.h"

#include <google/protobuf/util/json_util.h>

#include "client/field_names.h"
#include "translate/yaml_document.h"

namespace remora::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
namespace util = google::protobuf::util;

google::protobuf::util::Status parse_json(const std::string& json, bool ignore_unknown, Bootstrap& out) {
  util::JsonParseOptions options;
  options.ignore_unknown_fields = ignore_unknown;
  return util::JsonStringToMessage(json, &out, options);
}

/// The findings as lines; unknown fields that are allowed become warnings instead.
std::string describe(const std::vector<NameFinding>& findings, const std::string& origin, bool allow_unknown,
                     ConfigReport& report) {
  std::string text;
  for (const NameFinding& finding : findings) {
    if (finding.unknown_field && allow_unknown) {
      report.warning(finding.path, finding.message + ": not read");
      continue;
    }
    if (!text.empty()) text += '\n';
    text += origin + ": line " + std::to_string(finding.line) + ": " +
            (finding.path.empty() ? "the document" : finding.path) + ": " + finding.message;
  }
  return text;
}

Result<Bootstrap> parse_document(const std::string& text, const std::string& origin, bool allow_unknown,
                                 ConfigReport& report) {
  auto document = parse_yaml(text, origin);
  if (!document.ok()) return std::move(document).error();
  Bootstrap out;
  const auto findings = check_names(*document, *Bootstrap::descriptor());
  if (const std::string wrong = describe(findings, origin, allow_unknown, report); !wrong.empty())
    return Error{wrong};
  const auto status = parse_json(to_json(*document), allow_unknown, out);
  if (!status.ok()) return Error{origin + ": " + std::string(status.message())};
  return out;
}

Result<Bootstrap> read_path(const std::string& path, bool allow_unknown, ConfigReport& report) {
  if (path.ends_with(".pb") || path.ends_with(".pb_text")) {
    return Error{path + ": only YAML and JSON are implemented by this build"};
  }
  auto text = read_file(path);
  if (!text.ok()) return std::move(text).error();
  Bootstrap out;
  // The fast way for what is right; the slow one knows what to say about what is wrong.
  if (path.ends_with(".json") && parse_json(*text, false, out).ok()) return out;
  return parse_document(*text, path, allow_unknown, report);
}

void override_node(const Options& options, Bootstrap& bootstrap) {
  if (!options.service_node.empty()) bootstrap.mutable_node()->set_id(options.service_node);
  if (!options.service_cluster.empty()) bootstrap.mutable_node()->set_cluster(options.service_cluster);
  if (!options.service_zone.empty())
    bootstrap.mutable_node()->mutable_locality()->set_zone(options.service_zone);
}

}  // namespace

Result<Bootstrap> read_bootstrap(const Options& options, ConfigReport& report) {
  if (options.config_path.empty() && options.config_yaml.empty()) {
    return Error{"no configuration: give --config-path or --config-yaml"};
  }
  Bootstrap out;
  if (!options.config_path.empty()) {
    auto read = read_path(options.config_path, options.allow_unknown_static_fields, report);
    if (!read.ok()) return std::move(read).error();
    out = std::move(*read);
  }
  if (!options.config_yaml.empty()) {
    auto over =
        parse_document(options.config_yaml, "--config-yaml", options.allow_unknown_static_fields, report);
    if (!over.ok()) return std::move(over).error();
    out.MergeFrom(*over);
  }
  override_node(options, out);
  return out;
}

}  // namespace remora::xds
