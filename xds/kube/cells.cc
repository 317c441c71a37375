#include "kube/cells.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <string>
#include <vector>

#include "kube/value_path.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr const char* kNone = "<none>";

std::string text_at(const json::object& object, std::string_view path, std::string_view otherwise = {}) {
  const json::value* value = value_at(object, path);
  return std::string(value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                            : otherwise);
}

int64_t number_at(const json::object& object, std::string_view path, int64_t otherwise = 0) {
  const json::value* value = value_at(object, path);
  boost::system::error_code error;
  const int64_t number =
      value != nullptr ? value->to_number<int64_t>(error) : 0;  // signed, unsigned or whole
  return value != nullptr && !error ? number : otherwise;
}

const json::array& list_at(const json::object& object, std::string_view path) {
  static const json::array kEmpty;
  const json::value* value = value_at(object, path);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ",").append(word);
  return text.empty() ? kNone : text;
}

/// `field` of each object in a list.
std::string joined_field(const json::array& list, std::string_view field) {
  std::vector<std::string> words;
  for (const json::value& item : list) {
    if (item.is_object()) words.push_back(text_at(item.get_object(), field));
  }
  return joined(words);
}

/// Labels by name: "app=api,version=v1".
std::string labels(const json::object& object, std::string_view path) {
  const json::value* value = value_at(object, path);
  std::map<std::string, std::string> sorted;
  if (value != nullptr && value->is_object()) {
    for (const auto& label : value->get_object()) {
      if (label.value().is_string()) sorted[std::string(label.key())] = label.value().get_string();
    }
  }
  std::vector<std::string> words;
  words.reserve(sorted.size());
  for (const auto& [name, is] : sorted) words.push_back(name + '=' + is);
  return joined(words);
}

}  // namespace

json::value ready_cell(const store::Object& object, Column::Now) {
  return json::value(std::to_string(number_at(object.body, "status.readyReplicas")) + '/' +
                     std::to_string(number_at(object.body, "spec.replicas", 1)));
}

json::value up_to_date_cell(const store::Object& object, Column::Now) {
  return number_at(object.body, "status.updatedReplicas");
}

json::value available_cell(const store::Object& object, Column::Now) {
  return number_at(object.body, "status.availableReplicas");
}

json::value containers_cell(const store::Object& object, Column::Now) {
  return json::value(joined_field(list_at(object.body, "spec.template.spec.containers"), "name"));
}

json::value images_cell(const store::Object& object, Column::Now) {
  return json::value(joined_field(list_at(object.body, "spec.template.spec.containers"), "image"));
}

json::value deployment_selector_cell(const store::Object& object, Column::Now) {
  return json::value(labels(object.body, "spec.selector.matchLabels"));
}

json::value service_type_cell(const store::Object& object, Column::Now) {
  return json::value(text_at(object.body, "spec.type", "ClusterIP"));
}

json::value cluster_ip_cell(const store::Object& object, Column::Now) {
  return json::value(text_at(object.body, "spec.clusterIP", kNone));
}

json::value external_ip_cell(const store::Object& object, Column::Now) {
  const std::string type = text_at(object.body, "spec.type", "ClusterIP");
  if (type == "ExternalName") return json::value(text_at(object.body, "spec.externalName", kNone));
  std::vector<std::string> addresses;
  for (const json::value& ip : list_at(object.body, "spec.externalIPs")) {
    if (ip.is_string()) addresses.emplace_back(ip.get_string());
  }
  if (type != "LoadBalancer") return json::value(joined(addresses));
  for (const json::value& ingress : list_at(object.body, "status.loadBalancer.ingress")) {
    if (!ingress.is_object()) continue;
    const std::string ip = text_at(ingress.get_object(), "ip");
    addresses.push_back(ip.empty() ? text_at(ingress.get_object(), "hostname") : ip);
  }
  return json::value(addresses.empty() ? "<pending>" : joined(addresses));
}

json::value ports_cell(const store::Object& object, Column::Now) {
  std::vector<std::string> words;
  for (const json::value& item : list_at(object.body, "spec.ports")) {
    if (!item.is_object()) continue;
    const json::object& port = item.get_object();
    std::string word = std::to_string(number_at(port, "port"));
    if (const int64_t node = number_at(port, "nodePort"); node > 0) word += ':' + std::to_string(node);
    words.push_back(word + '/' + text_at(port, "protocol", "TCP"));
  }
  return json::value(joined(words));
}

json::value service_selector_cell(const store::Object& object, Column::Now) {
  return json::value(labels(object.body, "spec.selector"));
}

json::value entries_cell(const store::Object& object, Column::Now) {
  size_t entries = 0;
  for (const char* where : {"data", "binaryData"}) {
    const json::value* value = value_at(object.body, where);
    if (value != nullptr && value->is_object()) entries += value->get_object().size();
  }
  return json::value(static_cast<int64_t>(entries));
}

json::value secret_type_cell(const store::Object& object, Column::Now) {
  return json::value(text_at(object.body, "type", "Opaque"));
}

}  // namespace remora::kube
