#include "ctl/get_output.h"

#include <boost/json.hpp>
#include <cstdio>
#include <utility>

#include "ctl/api.h"
#include "ctl/resources.h"
#include "store/yaml.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

/// Indented by four, as kubectl writes JSON.
void print_json(const json::value& value, const std::string& indent) {
  const std::string deeper = indent + "    ";
  const char* separator = "\n";
  if (value.is_object() && !value.as_object().empty()) {
    std::putchar('{');
    for (const auto& [name, field] : value.as_object()) {
      std::printf("%s%s%s: ", std::exchange(separator, ",\n"), deeper.c_str(),
                  json::serialize(json::value(name)).c_str());
      print_json(field, deeper);
    }
    std::printf("\n%s}", indent.c_str());
  } else if (value.is_array() && !value.as_array().empty()) {
    std::putchar('[');
    for (const json::value& item : value.as_array()) {
      std::printf("%s%s", std::exchange(separator, ",\n"), deeper.c_str());
      print_json(item, deeper);
    }
    std::printf("\n%s]", indent.c_str());
  } else {
    std::fputs(json::serialize(value).c_str(), stdout);
  }
}

/// Who has set which field is for machines; kubectl leaves it out as well.
void forget_managed_fields(json::value& object) {
  boost::system::error_code error;
  json::value* metadata = object.find_pointer("/metadata", error);
  if (metadata != nullptr && metadata->is_object()) metadata->as_object().stable_erase("managedFields");
}

/// Objects in a list come without what the list says for all of them.
json::value whole_object(const json::value& list, const store::Kind& kind, json::value item) {
  if (!item.is_object() || item.as_object().contains("kind")) return item;
  json::object whole{{"apiVersion", text_at(list, "/apiVersion")}, {"kind", kind.kind}};
  for (auto& [name, field] : item.as_object()) whole[name] = std::move(field);
  return whole;
}

}  // namespace

void GetOutput::add(const store::Kind& kind, json::value value) {
  if (query_.tables()) return add_table(kind, value);
  const json::value* items = value.is_object() ? value.as_object().if_contains("items") : nullptr;
  if (items == nullptr || !items->is_array()) return add_object(kind, std::move(value));
  for (const json::value& item : items->as_array()) add_object(kind, whole_object(value, kind, item));
}

void GetOutput::finish() const {
  if (query_.tables() || query_.output == "name" || query_.watch) return;
  const bool single = query_.names.size() == 1 && query_.kinds.size() == 1 && objects_.size() == 1;
  print(single ? objects_.front()
               : json::value(json::object{{"apiVersion", "v1"},
                                          {"items", objects_},
                                          {"kind", "List"},
                                          {"metadata", json::object{{"resourceVersion", ""}}}}));
}

/// A header comes with the first rows, whether the list or a change brings them.
void GetOutput::add_table(const store::Kind& kind, const json::value& table) {
  const bool wide = query_.output == "wide";
  const bool ns = query_.ns.empty() && kind.namespaced;
  const std::string prefix = query_.kinds.size() > 1 ? qualified(kind) + "/" : "";
  std::vector<Row> rows = table_rows(table, wide, ns, prefix);
  if (rows.empty()) return;
  const bool first = count_ == 0;
  count_ += rows.size();
  if (std::exchange(headed_, &kind) != &kind) {
    if (!first) std::puts("");
    writer_ = TableWriter();
    if (query_.headers) rows.insert(rows.begin(), table_header(table, wide, ns));
  }
  writer_.print(rows);
}

void GetOutput::add_object(const store::Kind& kind, json::value object) {
  ++count_;
  if (query_.output == "name") {
    std::printf("%s/%s\n", qualified(kind).c_str(), text_at(object, "/metadata/name").c_str());
    std::fflush(stdout);
    return;
  }
  if (!query_.managed_fields) forget_managed_fields(object);
  if (query_.watch) return print(object);
  objects_.push_back(std::move(object));
}

void GetOutput::print(const json::value& value) const {
  if (query_.output == "yaml") {
    std::fputs(((query_.watch ? "---\n" : "") + store::to_yaml(value)).c_str(), stdout);
  } else {
    print_json(value, "");
    std::puts("");
  }
  std::fflush(stdout);
}

}  // namespace remora::ctl
