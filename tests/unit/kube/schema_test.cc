#include "kube/schema.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "istio/parse/readers.h"
#include "kube/schema_text.h"
#include "kube/validate.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Type = Schema::Type;

/// A value of a schema with every field that it has.
json::value full(const Schema& schema) {
  switch (schema.type) {
    case Type::kString: return json::value(schema.words.empty() ? "a" : schema.words[0]);
    case Type::kBoolean: return true;
    case Type::kMap: return json::object{{"a", full(*schema.items)}};
    case Type::kList: return json::array{full(*schema.items)};
    case Type::kAny: return json::object();
    case Type::kObject: break;
    default: return 1;
  }
  json::object out;
  for (const SchemaField& field : schema.fields) out[field.name] = full(*field.schema);
  return out;
}

json::object full_object(const store::Kind& kind) {
  json::object object = full(schema_of(kind)).get_object();
  object["apiVersion"] =
      (kind.group.empty() ? "" : std::string(kind.group) + '/') + std::string(kind.versions[0]);
  object["kind"] = kind.kind;
  return object;
}

TEST(Schema, AnObjectWithEveryFieldIsGood) {
  for (const store::Kind& kind : store::kinds()) {
    json::object object = full_object(kind);
    const auto outcome = validate(kind, object, {}, FieldValidation::kStrict);
    EXPECT_EQ(outcome.index(), 0U) << (outcome.index() == 1 ? std::get<1>(outcome).message : "");
  }
}

/// What the API lets through, the mesh's own readers know: they may refuse a field, but not as unknown.
TEST(Schema, TheMeshKnowsEveryField) {
  size_t findings = 0;
  for (const store::Kind& kind : store::kinds()) {
    const auto parsed = istio::parse_file("x", json::serialize(full_object(kind)));
    findings += parsed.findings.size();
    for (const istio::Diagnostic& finding : parsed.findings) {
      EXPECT_EQ(finding.message.find("unknown field"), std::string::npos) << kind.kind << ' ' << finding.path;
    }
  }
  EXPECT_GT(findings, 0U) << "the readers were asked, and had something to say";
}

SchemaSet read(std::string_view text) {
  SchemaSet schemas;
  read_schemas(text, schemas);
  return schemas;
}

TEST(SchemaText, SaysTypesAttributesAndTexts) {
  const SchemaSet schemas = read(R"(
Inner object -- Inside.
  name! string -- What it is called.
Outer object open -- Outside.
  list []@Inner keys=name,other merge=other -- Several.
  words enum:A|B| -- One of them.
  map map:[]int64 -- By name.
  when time default=now -- A moment.
)");
  const Schema& outer = *schemas.at("Outer");
  EXPECT_EQ(outer.description, "Outside.");
  EXPECT_TRUE(outer.open);
  const Schema& list = *outer.find("list")->schema;
  EXPECT_EQ(list.keys, (std::vector<std::string>{"name", "other"}));
  EXPECT_EQ(list.merge_key, "other");
  EXPECT_TRUE(list.items->find("name")->required);
  EXPECT_EQ(outer.find("words")->schema->words, (std::vector<std::string>{"A", "B", ""}));
  EXPECT_EQ(outer.find("map")->schema->items->items->format, "int64");
  EXPECT_EQ(outer.find("when")->default_text, "now");
  EXPECT_EQ(outer.find("when")->description, "A moment.");
  EXPECT_EQ(outer.find("nothing"), nullptr);
}

TEST(SchemaText, MistakesAreNoticed) {
  for (const char* text : {"A []@B", "A objekt", "A object\n    b string", "A string shiny"}) {
    EXPECT_THROW(read(text), std::logic_error) << text;
  }
}

}  // namespace
}  // namespace remora::kube
