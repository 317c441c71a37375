#include "kube/validate.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "kube/limits.h"
#include "kube/schema.h"
#include "unit/kube/random_json.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

const store::Kind& kind(std::string_view type) { return *store::find_kind(type); }
const store::Kind& virtual_service() { return kind("virtualservices.networking.istio.io"); }

json::object service(std::string_view spec) {
  return {{"apiVersion", "networking.istio.io/v1"},
          {"kind", "VirtualService"},
          {"metadata", {{"name", "api"}}},
          {"spec", json::parse(spec)}};
}

Refusal refusal_of(json::object object, FieldValidation mode = FieldValidation::kStrict,
                   const std::vector<std::string>& duplicates = {}) {
  auto outcome = validate(virtual_service(), object, duplicates, mode);
  EXPECT_TRUE(std::holds_alternative<Refusal>(outcome)) << json::serialize(object);
  return std::holds_alternative<Refusal>(outcome) ? std::get<Refusal>(outcome) : Refusal{};
}

TEST(Schema, EveryKindHasOne) {
  for (const store::Kind& each : store::kinds()) {
    const Schema& schema = schema_of(each);
    EXPECT_EQ(schema.type, Schema::Type::kObject) << each.type();
    EXPECT_FALSE(schema.description.empty()) << each.type();
    EXPECT_NE(schema.find("metadata"), nullptr) << each.type();
    EXPECT_EQ(schema.find("status") != nullptr, each.has_status) << each.type();
  }
}

TEST(Schema, ListsKnowHowTheyMerge) {
  const Schema& service_spec = *schema_of(kind("services")).find("spec")->schema;
  const Schema& ports = *service_spec.find("ports")->schema;
  EXPECT_EQ(ports.list_type, Schema::ListType::kMap);
  EXPECT_EQ(ports.keys, (std::vector<std::string>{"port", "protocol"}));
  EXPECT_EQ(ports.merge_key, "port");
  EXPECT_EQ(ports.items->find("protocol")->default_text, "TCP");
  EXPECT_TRUE(service_spec.find("selector")->schema->atomic);
  EXPECT_EQ(schema_of(virtual_service()).find("spec")->schema->find("http")->schema->list_type,
            Schema::ListType::kAtomic);
}

TEST(Validate, AGoodObjectStaysAsItIs) {
  json::object object =
      service(R"({"hosts":["api"],"http":[{"route":[{"destination":{"host":"api"},"weight":5}]}]})");
  const json::object before = object;
  const auto outcome = validate(virtual_service(), object, {}, FieldValidation::kStrict);
  ASSERT_TRUE(std::holds_alternative<std::vector<std::string>>(outcome))
      << std::get<Refusal>(outcome).message;
  EXPECT_TRUE(std::get<0>(outcome).empty());
  EXPECT_EQ(json::serialize(object), json::serialize(before));
}

TEST(Validate, UnknownFieldsAreRefusedOrWarnedAboutOrGo) {
  const json::object bad = service(R"({"hosts":["api"],"htpp":[],"http":[{"rout":1,"name":"x"}]})");
  const Refusal refusal = refusal_of(bad);
  EXPECT_EQ(refusal.code, 400);
  EXPECT_EQ(refusal.reason, "BadRequest");
  EXPECT_EQ(refusal.message,
            "VirtualService in version \"v1\" cannot be handled as a VirtualService: strict decoding error: "
            "unknown field \"spec.htpp\", unknown field \"spec.http[0].rout\"");
  for (const FieldValidation mode : {FieldValidation::kWarn, FieldValidation::kIgnore}) {
    json::object object = bad;
    const auto outcome = validate(virtual_service(), object, {}, mode);
    const auto& warnings = std::get<std::vector<std::string>>(outcome);
    EXPECT_EQ(warnings.size(), mode == FieldValidation::kWarn ? 2U : 0U);
    EXPECT_EQ(json::serialize(object.at("spec")), R"({"hosts":["api"],"http":[{"name":"x"}]})");
  }
}

TEST(Validate, DuplicatesAreRefusedOrWarnedAbout) {
  const auto duplicates = duplicate_fields(
      R"({"spec":{"hosts":["a"],"hosts":["b"],"http":[{"name":"x"},{"name":"y","name":"z"}]},"kind":"a","kind":"b"})");
  EXPECT_EQ(duplicates,
            (std::vector<std::string>{"duplicate field \"spec.hosts\"",
                                      "duplicate field \"spec.http[1].name\"", "duplicate field \"kind\""}));
  EXPECT_NE(refusal_of(service(R"({"hosts":["a"]})"), FieldValidation::kStrict, duplicates)
                .message.find("strict decoding error: duplicate field \"spec.hosts\", duplicate field"),
            std::string::npos);
  json::object object = service(R"({"hosts":["a"]})");
  EXPECT_EQ(std::get<0>(validate(virtual_service(), object, duplicates, FieldValidation::kWarn)), duplicates);
  EXPECT_TRUE(duplicate_fields(R"([{"a":1},{"a":2},{"b":{"a":[[{"a":1}]]}}])").empty());
  EXPECT_EQ(duplicate_fields(R"({"a":[[1,{"x":1,"\u0078":2}]]})"),
            std::vector<std::string>{"duplicate field \"a[0][1].x\""});
}

TEST(Validate, WrongTypesAreCausesWithTheirPath) {
  const Refusal refusal = refusal_of(service(
      R"({"hosts":"api","http":[{"timeout":5,"route":[{"destination":{"host":"a"},"weight":"all"}]}]})"));
  EXPECT_EQ(refusal.code, 422);
  EXPECT_EQ(refusal.reason, "Invalid");
  ASSERT_EQ(refusal.causes.size(), 3U) << refusal.message;
  EXPECT_EQ(refusal.causes[0].type, "FieldValueTypeInvalid");
  EXPECT_EQ(refusal.causes[0].field, "spec.hosts");
  EXPECT_EQ(refusal.causes[0].message,
            R"(Invalid value: "string": spec.hosts in body must be of type array: "string")");
  EXPECT_EQ(refusal.causes[1].field, "spec.http[0].timeout");
  EXPECT_EQ(refusal.causes[2].field, "spec.http[0].route[0].weight");
  EXPECT_TRUE(refusal.message.starts_with(
      R"(VirtualService.networking.istio.io "api" is invalid: [spec.hosts: Invalid value: "string": spec.hosts in)"));
}

TEST(Validate, MissingFieldsAndUnknownWordsAreCauses) {
  Refusal refusal = refusal_of(service(R"({"http":[{"route":[{"weight":1}]}],"tls":[{}]})"));
  ASSERT_EQ(refusal.causes.size(), 2U) << refusal.message;
  EXPECT_EQ(refusal.causes[0].type, "FieldValueRequired");
  EXPECT_EQ(refusal.causes[0].field, "spec.http[0].route[0].destination");
  EXPECT_EQ(refusal.causes[1].field, "spec.tls[0].match");
  EXPECT_EQ(refusal.causes[1].message, "Required value");
  refusal = refusal_of(service(R"({"hosts":["a"],"http":[{"redirect":{"derivePort":"ANY"}}]})"));
  ASSERT_EQ(refusal.causes.size(), 1U);
  EXPECT_EQ(refusal.causes[0].type, "FieldValueNotSupported");
  EXPECT_EQ(refusal.causes[0].message,
            R"(Unsupported value: "ANY": supported values: "FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT")");
  EXPECT_EQ(refusal_of(service(R"({"tls":[{"match":null}]})")).causes.at(0).field, "spec.tls[0].match");
}

TEST(Validate, WholeNumbersFitTheirFormat) {
  json::object object = service(R"({"hosts":["a"],"http":[{"redirect":{"port":80.0}}]})");
  ASSERT_TRUE(std::holds_alternative<std::vector<std::string>>(
      validate(virtual_service(), object, {}, FieldValidation::kStrict)));
  EXPECT_TRUE(object.at("spec").at("http").at(0).at("redirect").at("port").is_int64());
  object["spec"].at("http").at(0).at("redirect").at("port") = uint64_t{80};
  EXPECT_EQ(validate(virtual_service(), object, {}, FieldValidation::kStrict).index(), 0U);
  for (const char* port : {"80.5", "1e300", "2147483648", "18446744073709551615", "\"80\"", "true"}) {
    const Refusal refusal =
        refusal_of(service(std::string(R"({"hosts":["a"],"http":[{"redirect":{"port":)") + port + "}}]}"));
    EXPECT_EQ(refusal.causes.size(), 1U) << port;
  }
}

TEST(Validate, TheSeedsCanaryIsGood) {
  json::object canary =
      json::parse(R"({"apiVersion":"flagger.app/v1beta1","kind":"Canary","metadata":{"name":"api"},
    "spec":{"targetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"api"},"service":{"port":8080},
    "analysis":{"interval":"1m","threshold":5,"maxWeight":50,"stepWeight":10,"metrics":[
      {"name":"request-success-rate","thresholdRange":{"min":99},"interval":"1m"},
      {"name":"request-duration","thresholdRange":{"max":500},"interval":"1m"}],
    "webhooks":[{"name":"load-test","url":"http://flagger-loadtester.test/","timeout":"5s",
      "metadata":{"cmd":"hey -z 1m -q 10 -c 2 http://api:8080/health"}}]}}})")
          .get_object();
  const auto outcome = validate(kind("canaries.flagger.app"), canary, {}, FieldValidation::kStrict);
  EXPECT_TRUE(std::holds_alternative<std::vector<std::string>>(outcome))
      << std::get<Refusal>(outcome).message;
}

/// Whatever comes in, it is answered; and what was taken is good when it comes again.
TEST(Validate, HostileObjectsAreAnswered) {
  RandomJson random(3);
  for (int i = 0; i < 3000; ++i) {
    for (const store::Kind& each : store::kinds()) {
      json::object object{
          {"spec", random.value(3)}, {"metadata", random.value(2)}, {"status", random.value(3)}};
      if (validate(each, object, {}, FieldValidation::kWarn).index() != 0) continue;
      const json::object once = object;
      ASSERT_EQ(validate(each, object, {}, FieldValidation::kStrict).index(), 0U) << json::serialize(once);
      ASSERT_EQ(object, once);
    }
  }
  json::array many(200'000, json::value(7));
  const Refusal refusal = refusal_of(service(json::serialize(json::object{{"hosts", many}})));
  EXPECT_LE(refusal.causes.size(), 64U);
  json::object wide;
  for (int i = 0; i < 200'000; ++i) wide[std::to_string(i)] = i;
  json::object object = service("{}");
  object["spec"] = wide;
  EXPECT_EQ(refusal_of(object).code, 400);
  EXPECT_TRUE(duplicate_fields(std::string(200'000, '[')).empty());
  EXPECT_TRUE(duplicate_fields("{\"a\":1,").empty());
}

TEST(FieldValidation, IsAWordOrAbsent) {
  EXPECT_EQ(std::get<FieldValidation>(field_validation("")), FieldValidation::kWarn);
  EXPECT_EQ(std::get<FieldValidation>(field_validation("Strict")), FieldValidation::kStrict);
  EXPECT_EQ(std::get<FieldValidation>(field_validation("Ignore")), FieldValidation::kIgnore);
  EXPECT_EQ(std::get<Refusal>(field_validation("strict")).code, 422);
}

}  // namespace
}  // namespace remora::kube
