#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "kube/accept.h"
#include "kube/age.h"
#include "kube/columns.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using Form = Accept::Form;

TEST(Accept, TakesTheFirstThatIsOnOffer) {
  const std::string kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  EXPECT_EQ(negotiate(kubectl, Offer::kObjects)->form, Form::kTable);
  EXPECT_EQ(negotiate(kubectl, Offer::kJson)->form, Form::kObject);
  EXPECT_EQ(negotiate("application/vnd.kubernetes.protobuf, application/json", Offer::kObjects)->form,
            Form::kObject);
  EXPECT_EQ(negotiate("", Offer::kObjects)->form, Form::kObject);
  EXPECT_EQ(negotiate("*/*", Offer::kDiscovery)->form, Form::kObject);
  EXPECT_EQ(
      negotiate("application/json; as=PartialObjectMetadataList; g=meta.k8s.io; v=v1", Offer::kObjects)->form,
      Form::kPartial);
  EXPECT_FALSE(negotiate("application/vnd.kubernetes.protobuf", Offer::kObjects));
  EXPECT_FALSE(negotiate("application/json;as=Table;v=v9;g=meta.k8s.io", Offer::kObjects));
}

TEST(Accept, NamesTheFormOfDiscovery) {
  const auto accept =
      negotiate("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
                Offer::kDiscovery);
  EXPECT_EQ(accept->form, Form::kDiscovery);
  EXPECT_EQ(accept->version, "v2");
  EXPECT_EQ(accept->content_type, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
}

TEST(Age, IsWrittenAsKubectlDoes) {
  constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400, kYear = 365 * kDay;
  const auto after = [](int64_t seconds) {
    return age("2026-11-21T06:00:00Z", std::chrono::system_clock::from_time_t(1795240800 + seconds));
  };
  EXPECT_EQ(after(0), "0s");
  EXPECT_EQ(after(-1), "0s");
  EXPECT_EQ(after(-60), "<invalid>");
  EXPECT_EQ(after(119), "119s");
  EXPECT_EQ(after(120), "2m");
  EXPECT_EQ(after(5 * kMinute + 10), "5m10s");
  EXPECT_EQ(after(10 * kMinute + 10), "10m");
  EXPECT_EQ(after(3 * kHour + 5 * kMinute), "3h5m");
  EXPECT_EQ(after(8 * kHour + 5 * kMinute), "8h");
  EXPECT_EQ(after(47 * kHour), "47h");
  EXPECT_EQ(after(2 * kDay), "2d");
  EXPECT_EQ(after(2 * kDay + 3 * kHour), "2d3h");
  EXPECT_EQ(after(8 * kDay + 3 * kHour), "8d");
  EXPECT_EQ(after(2 * kYear + 3 * kDay), "2y3d");
  EXPECT_EQ(after(9 * kYear), "9y");
  EXPECT_EQ(age("yesterday", {}), "<unknown>");
  EXPECT_EQ(age("", {}), "<unknown>");
}

/// The cells of an object without the name and the age, as JSON.
std::string cells(const char* type, const char* body) {
  const store::Object object{{type, "default", "x"}, 1, json::parse(body).as_object(), {}};
  json::array out;
  for (const Column& column : columns_of(*store::find_kind(type))) {
    if (column.name != "Age") out.push_back(cell_of(column, object, {}));
  }
  return json::serialize(out);
}

TEST(Columns, OfIstiosKinds) {
  EXPECT_EQ(cells("virtualservices.networking.istio.io", R"({"spec": {"hosts": ["a", "b"]}})"),
            R"([null,"[\"a\",\"b\"]"])");
  EXPECT_EQ(cells("destinationrules.networking.istio.io", R"({"spec": {"host": "a"}})"), R"(["a"])");
  EXPECT_EQ(cells("serviceentries.networking.istio.io", R"({"spec": {"hosts": ["a"], "resolution": "DNS"}})"),
            R"(["[\"a\"]",null,"DNS"])");
  EXPECT_EQ(cells("workloadentries.networking.istio.io", R"({"spec": {"address": "1.2.3.4"}})"),
            R"(["1.2.3.4"])");
  EXPECT_EQ(cells("requestauthentications.security.istio.io",
                  R"({"spec": {"jwtRules": [{"issuer": "who"}, {"issuer": "else"}]}})"),
            R"(["who"])");
  EXPECT_EQ(cells("requestauthentications.security.istio.io", R"({"spec": {"jwtRules": []}})"), "[null]");
  EXPECT_EQ(cells("gateways.networking.istio.io", R"({"spec": {"servers": [{"hosts": ["a"]}]}})"),
            R"([null,"[\"a\"]"])");
}

TEST(Columns, OfCanaries) {
  EXPECT_EQ(cells("canaries.flagger.app",
                  R"({"spec": {"suspend": true, "analysis": {"interval": "1m", "stepWeights": [1, 5]}},
      "status": {"phase": "Progressing", "canaryWeight": 20, "failedChecks": 1, "lastTransitionTime": "2026-11-21T06:00:00Z"}})"),
            R"(["Progressing","20",true,"1","1m",null,null,"[1,5]",null,"2026-11-21T06:00:00Z"])");
  EXPECT_EQ(cells("canaries.flagger.app", R"({"spec": 1, "status": "x"})"),
            "[null,null,null,null,null,null,null,null,null,null]");
}

TEST(Columns, OfDeployments) {
  EXPECT_EQ(cells("deployments.apps",
                  R"({"spec": {"replicas": 3, "selector": {"matchLabels": {"v": "1", "app": "a"}},
      "template": {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:2"}]}}},
      "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}})"),
            R"(["2/3",3,1,"a,b","i:1,i:2","app=a,v=1"])");
  EXPECT_EQ(cells("deployments.apps", "{}"), R"(["0/1",0,0,"<none>","<none>","<none>"])");
}

TEST(Columns, OfServices) {
  EXPECT_EQ(
      cells(
          "services",
          R"({"spec": {"selector": {"app": "a"}, "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}})"),
      R"(["ClusterIP","<none>","<none>","80/TCP,53/UDP","app=a"])");
  EXPECT_EQ(
      cells(
          "services",
          R"({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080}]}})"),
      R"(["LoadBalancer","10.0.0.1","<pending>","80:30080/TCP","<none>"])");
  EXPECT_EQ(cells("services", R"({"spec": {"type": "ExternalName", "externalName": "example.org"}})"),
            R"(["ExternalName","<none>","example.org","<none>","<none>"])");
}

TEST(Columns, TakeNumbersOfAnySign) {
  json::object port{{"port", uint64_t{80}}};
  const json::object body{{"spec", {{"ports", json::array{port}}}}};
  const store::Object object{{"services", "default", "x"}, 1, body, {}};
  EXPECT_EQ(cell_of(columns_of(*store::find_kind("services"))[3], object, {}), "80/TCP");
}

TEST(Columns, OfTheRest) {
  EXPECT_EQ(cells("configmaps", R"({"data": {"a": "b"}, "binaryData": {"c": ""}})"), "[2]");
  EXPECT_EQ(cells("secrets", R"({"data": {"a": "Yg=="}})"), R"(["Opaque",1])");
  EXPECT_EQ(cells("namespaces", R"({"status": {"phase": "Active"}})"), R"(["Active"])");
}

}  // namespace
}  // namespace remora::kube
