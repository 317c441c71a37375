#include <gtest/gtest.h>

#include "rollout/metric_template.h"
#include "rollout/prometheus_provider.h"

namespace remora::rollout {
namespace {

QueryModel model() {
  QueryModel out;
  out.name = "canary";
  out.ns = "shop";
  out.target = "api-v2|api-v2b";
  out.service = "api";
  out.ingress = "front";
  out.route = "r";
  out.interval = "1m";
  out.variables = {{"code", "5.."}, {"empty", ""}};
  return out;
}

TEST(MetricTemplate, FillsInWhatFlaggerKnows) {
  EXPECT_EQ(
      *render_query(
          "sum(x{ns=\"{{ namespace }}\",w=~\"{{target}}\",c=~\"{{ variables.code }}\"}[{{ interval }}])",
          model()),
      "sum(x{ns=\"shop\",w=~\"api-v2|api-v2b\",c=~\"5..\"}[1m])");
  EXPECT_EQ(*render_query("{{ name }} {{ service }} {{ ingress }} {{ route }}{{ variables.empty }}", model()),
            "canary api front r");
  EXPECT_EQ(*render_query("no template { at } all", model()), "no template { at } all");
  EXPECT_EQ(*render_query("", model()), "");
}

TEST(MetricTemplate, TrimsAndSkipsCommentsAsGoDoes) {
  EXPECT_EQ(*render_query("a  {{- name -}}  \n b", model()), "acanaryb");
  EXPECT_EQ(*render_query("a {{/* why */}}b", model()), "a b");
  EXPECT_EQ(*render_query("a {{- /* why */ -}} b", model()), "ab");
}

TEST(MetricTemplate, RefusesTheRestByItsText) {
  for (const auto& [query, part] : {std::pair{"{{ if name }}x{{ end }}", "if name"},
                                    {"{{ printf \"%s\" name }}", "printf"},
                                    {"{{ Namespace }}", "Namespace"},
                                    {"{{ .name }}", ".name"},
                                    {"{{ variables }}", "variables"},
                                    {"{{ variables.other }}", "templateVariables.other"},
                                    {"{{ name", "{{ without }}"},
                                    {"{{}}", "{{"}}) {
    const auto rendered = render_query(query, model());
    ASSERT_FALSE(rendered.ok()) << query;
    EXPECT_NE(rendered.error().message.find(part), std::string::npos) << rendered.error().message;
  }
  QueryModel large = model();
  large.variables["big"] = std::string(40'000, 'x');
  EXPECT_FALSE(render_query("{{ variables.big }}{{ variables.big }}", large).ok());
}

std::string vector(const std::string& results) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + results + "]}}";
}

TEST(PrometheusAnswer, GivesTheValue) {
  EXPECT_EQ(**read_prometheus_answer(200, vector(R"({"metric":{},"value":[1,"99.5"]})")), 99.5);
  EXPECT_EQ(**read_prometheus_answer(200, vector(R"({"value":[1,"1"]},{"value":[1,"2e1"]})")), 20);
  EXPECT_EQ(**read_prometheus_answer(
                200, R"({"status":"success","data":{"resultType":"scalar","result":[1,"7"]}})"),
            7);
  EXPECT_TRUE(std::isinf(**read_prometheus_answer(200, vector(R"({"value":[1,"+Inf"]})"))));
}

TEST(PrometheusAnswer, NothingAndNaNAreNoValue) {
  for (const std::string& body : {vector(""), vector(R"({"value":[1,"NaN"]})")}) {
    const auto value = read_prometheus_answer(200, body);
    ASSERT_TRUE(value.ok()) << body;
    EXPECT_FALSE(value->has_value());
  }
}

TEST(PrometheusAnswer, ErrorsCarryTheServersMessage) {
  const auto refused =
      read_prometheus_answer(400, R"({"status":"error","errorType":"bad_data","error":"parse error: x"})");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "status 400: parse error: x");
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
        std::string(R"({"data":7})"), vector("7"), vector(R"({"value":7})"), vector(R"({"value":[1]})"),
        vector(R"({"value":[1,2]})"), vector(R"({"value":[1,"many"]})"),
        std::string(R"({"data":{"resultType":"matrix","result":[]}})"), std::string(100'000, '[')}) {
    EXPECT_FALSE(read_prometheus_answer(200, body).ok()) << body.substr(0, 80);
  }
  EXPECT_EQ(read_prometheus_answer(502, "<html>").error().message, "status 502");
}

TEST(PrometheusProvider, RefusesWhatItCannotAsk) {
  boost::asio::io_context context;
  istio::MetricTemplate metric;
  metric.provider_type = "datadog";
  metric.address = "http://127.0.0.1:1";
  EXPECT_NE(make_prometheus_provider(context, metric, {}).error().message.find("datadog"), std::string::npos);
  metric.provider_type = "prometheus";
  EXPECT_TRUE(make_prometheus_provider(context, metric, {}).ok());
  metric.secret = "login";
  EXPECT_NE(make_prometheus_provider(context, metric, {}).error().message.find("login"), std::string::npos);
  EXPECT_TRUE(make_prometheus_provider(context, metric, {{"username", "u"}, {"password", "p"}}).ok());
  EXPECT_TRUE(make_prometheus_provider(context, metric, {{"token", "t"}}).ok());
  metric.address = "prometheus:9090";
  EXPECT_FALSE(make_prometheus_provider(context, metric, {{"token", "t"}}).ok());
}

}  // namespace
}  // namespace remora::rollout
