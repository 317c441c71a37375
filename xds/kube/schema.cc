#include "kube/schema.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "kube/schema_text.h"

namespace remora::kube {
namespace {

SchemaPtr string_schema() {
  auto schema = std::make_shared<Schema>();
  schema->type = Schema::Type::kString;
  return schema;
}

/// The schema texts describe what differs from kind to kind; what is common is put around it.
Schema whole_object(const Schema& kind, const SchemaSet& known) {
  static const SchemaPtr kText = string_schema();
  Schema whole = kind;
  std::vector<SchemaField> fields{
      {"apiVersion", false, "The group and version that this object is written in.", {}, kText},
      {"kind", false, "The kind of thing that this object describes.", {}, kText},
      {"metadata",
       false,
       "Who this object is: name, namespace, labels, annotations.",
       {},
       known.at("ObjectMeta")}};
  std::move(whole.fields.begin(), whole.fields.end(), std::back_inserter(fields));
  whole.fields = std::move(fields);
  return whole;
}

std::map<std::string, Schema> read_all() {
  SchemaSet known;
  for (const std::string_view text :
       {metadata_schemas(), istio_schemas(), flagger_schemas(), core_schemas(), pod_schemas()}) {
    read_schemas(text, known);
  }
  std::map<std::string, Schema> schemas;
  for (const store::Kind& kind : store::kinds()) {
    const auto found = known.find(kind.kind);
    if (found == known.end()) throw std::logic_error("no schema for " + kind.type());
    schemas.emplace(kind.type(), whole_object(*found->second, known));
  }
  return schemas;
}

}  // namespace

const SchemaField* Schema::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const SchemaField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const Schema& schema_of(const store::Kind& kind) {
  static const std::map<std::string, Schema> kSchemas = read_all();
  return kSchemas.at(kind.type());
}

}  // namespace remora::kube
