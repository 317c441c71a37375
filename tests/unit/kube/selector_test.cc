#include "kube/selector.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace remora::kube {
namespace {

store::Object object(const std::string& name, const char* labels) {
  boost::json::object body{{"metadata", {{"labels", boost::json::parse(labels)}}}};
  return {{"services", "shop", name}, 1, std::move(body), {}};
}

bool selects(const std::string& labels, const char* of, const std::string& fields = "") {
  const auto selector = Selector::parse(labels, fields);
  const auto* good = std::get_if<Selector>(&selector);
  EXPECT_NE(good, nullptr) << labels << ' ' << fields;
  return good != nullptr && good->matches(object("web", of));
}

TEST(Selector, TakesKubernetesGrammar) {
  const char* labels = R"({"app": "web", "tier/x": "", "weight": "10"})";
  for (const char* yes :
       {"", "app", "app=web", "app==web", "app!=api", "app in (api, web)", "app notin (api)", "!nobody",
        "nobody!=web", "nobody notin (a)", "weight>9", "weight<11", "app=web,tier/x",
        "tier/x=", " app = web , weight > 9 ", "app in (web),!nobody"}) {
    EXPECT_TRUE(selects(yes, labels)) << yes;
  }
  for (const char* no : {"nobody", "app=api", "app!=web", "!app", "app in (api)", "app notin (web,api)",
                         "weight>10", "weight<10", "nobody in (web)", "app>1", "app=web,nobody"}) {
    EXPECT_FALSE(selects(no, labels)) << no;
  }
}

TEST(Selector, FieldsAreNameAndNamespace) {
  EXPECT_TRUE(selects("", "{}", "metadata.name=web,metadata.namespace=shop"));
  EXPECT_FALSE(selects("", "{}", "metadata.name=api"));
  EXPECT_TRUE(selects("", "{}", "metadata.name!=api"));
}

TEST(Selector, RefusesWhatItCannotRead) {
  for (const char* bad :
       {",", "a,", "a,,b", "=a", "a in b", "a in (b", "a in", "a like (b)", "a>b", "a b", "!", "a=b c"}) {
    const auto selector = Selector::parse(bad, "");
    const auto* refusal = std::get_if<Refusal>(&selector);
    ASSERT_NE(refusal, nullptr) << bad;
    EXPECT_EQ(refusal->code, 400);
  }
  EXPECT_EQ(std::get<Refusal>(Selector::parse("", "spec.host=a")).message,
            "field label not supported: spec.host");
  EXPECT_TRUE(std::holds_alternative<Refusal>(Selector::parse("", "metadata.name in (a,b)")));
}

TEST(Selector, LabelsThatAreNoTextsSelectNothing) {
  EXPECT_FALSE(selects("app", R"({"app": 1})"));
  EXPECT_FALSE(selects("app", R"("labels")"));
}

}  // namespace
}  // namespace remora::kube
