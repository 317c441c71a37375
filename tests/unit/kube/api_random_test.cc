#include <random>

#include "store/kinds.h"

#include "kube/api_fixture.h"

namespace remora::kube {
namespace {

/// Requests put together at random from parts that mean something, with a byte changed now and then.
class RandomRequests {
 public:
  explicit RandomRequests(unsigned seed) : random_(seed) {}

  web::Request next() {
    web::Request request;
    request.method = pick<Verb>({Verb::get, Verb::post, Verb::post, Verb::patch, Verb::put, Verb::patch,
                                 Verb::delete_, Verb::head, Verb::options});
    request.target = spoil(path() + query());
    request.body = spoil(body());
    const auto type = pick<const char*>(
        {"application/yaml", kMerge, "", "application/json-patch+json", "application/apply-patch+yaml",
         "application/strategic-merge-patch+json", "application/vnd.kubernetes.protobuf"});
    const char* fitting = request.method == Verb::patch ? kMerge : "application/json";
    request.headers.set("Content-Type", often() ? fitting : type);
    const auto form = pick<const char*>(
        {kTable, "*/*", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "text/html",
         "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"});
    request.headers.set("Accept", often() ? "application/json" : form);
    return request;
  }

 private:
  template <typename T>
  T pick(std::vector<T> from) {
    return from[random_() % from.size()];
  }
  bool often() { return random_() % 4 != 0; }
  std::string spoil(std::string text) {
    if (random_() % 8 != 0 || text.empty()) return text;
    const size_t at = random_() % text.size();
    if (random_() % 2 == 0) return text.substr(0, at);
    text[at] = static_cast<char>(random_() % 256);
    return text;
  }
  std::string path() {
    if (often()) return pick<std::string>({kServices, kRules}) + pick<std::string>({"", "/a", "/a/status"});
    std::string text =
        pick<std::string>({"/api/v1", "/apis/apps/v1", "/apis/networking.istio.io/v1",
                           "/apis/flagger.app/v1beta1", "/openapi/v3", "/apis", "/version", "/x"});
    if (random_() % 8 != 0)
      text += pick<std::string>({"/namespaces/default", "/namespaces/shop", "", "/namespaces"});
    text += pick<std::string>(
        {"/services", "/virtualservices", "/deployments", "/canaries", "/destinationrules", "/secrets", ""});
    return text + pick<std::string>({"", "", "/a", "/b", "/a/status", "/%00", "/a%2Fb"});
  }
  std::string query() {
    std::string text = "?";
    for (size_t i = random_() % 4; i > 0; --i) {
      text += pick<std::string>(
                  {"watch=1", "limit=1", "limit=99999999999999999999", "continue=%7B%7D", "dryRun=All",
                   "force=true", "resourceVersion=0", "resourceVersion=1", "resourceVersionMatch=Exact",
                   "fieldManager=f", "labelSelector=a%20in%20(b,c)", "labelSelector=((",
                   "fieldSelector=metadata.name%3Da",
                   "sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "allowWatchBookmarks=1",
                   "timeoutSeconds=-1", "fieldValidation=Strict", "includeObject=Object"}) +
              '&';
    }
    return text;
  }
  std::string body() {
    return pick<std::string>(
        {R"({"metadata": {"name": "a"}, "spec": {"host": "b", "hosts": ["c"], "ports": [{"port": 80}]}})",
         R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"a": "b"}}, "spec": {"ports": [{"port": 80}]}})",
         R"({"metadata": {"generateName": "g-", "finalizers": ["x/y"]}, "spec": {"host": "b"}})",
         R"({"metadata": {"labels": {"a": null}, "annotations": null, "finalizers": null}})",
         R"({"metadata": "x", "spec": 5})",
         R"([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}])",
         R"([{"op": "remove", "path": "/metadata"}])", "metadata: {name: a}\nspec: {host: x}\n",
         std::string(100, '['), "{\"a\":" + std::string(100, '{'), "null", "",
         R"({"preconditions": {"uid": "x"}})", std::string("k8s\0\x0a\x02v1", 8)});
  }

  std::mt19937 random_;
};

TEST_F(ApiTest, EveryRequestIsAnsweredOnceAndTheStoreStaysReadable) {
  RandomRequests requests(20261121);
  std::vector<AnswersPtr> watches;
  std::map<unsigned, int> seen;
  for (int i = 0; i < 20'000; ++i) {
    auto answers = std::make_shared<Answers>();
    api_.handle(requests.next(), answers);
    ASSERT_TRUE(answers->answered) << i;
    ++seen[answers->response.status];
    if (answers->open) watches.push_back(answers);
    if (watches.size() > 20) {
      watches.front()->gone();
      watches.erase(watches.begin());
    }
    if (answers->response.status >= 500) {
      EXPECT_EQ(answers->response.status, 504u) << answers->response.body;
    }
  }
  for (const unsigned status : {200u, 201u, 400u, 404u, 405u, 406u, 409u, 415u, 422u}) {
    EXPECT_GT(seen[status], 10) << "too few requests get as far as a " << status;
  }
  for (const store::Kind& kind : store::kinds()) {
    const std::string root = kind.group.empty() ? "/api/" : "/apis/" + std::string(kind.group) + '/';
    EXPECT_EQ(get(root + std::string(kind.versions[0]) + '/' + std::string(kind.plural))->response.status,
              200u);
  }
}

}  // namespace
}  // namespace remora::kube
