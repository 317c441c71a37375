#include "client/discovery_file.h"

#include <google/protobuf/util/json_util.h>

#include "translate/yaml_document.h"

namespace remora::xds {

using envoy::service::discovery::v3::DiscoveryResponse;

Result<DiscoveryResponse> read_discovery_file(const std::string& path) {
  auto text = read_file(path);
  if (!text.ok()) return std::move(text).error();
  DiscoveryResponse response;
  if (path.ends_with(".pb")) {
    if (!response.ParseFromString(*text)) return Error{path + ": is no DiscoveryResponse"};
    return response;
  }
  auto document = parse_yaml(*text, path);
  if (!document.ok()) return std::move(document).error();
  const auto status = google::protobuf::util::JsonStringToMessage(to_json(*document), &response);
  if (!status.ok()) return Error{path + ": " + std::string(status.message())};
  return response;
}

}  // namespace remora::xds
