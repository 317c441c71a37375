#include "istio/registry/delegates.h"

#include <gtest/gtest.h>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::string service(const std::string& place, const std::string& spec) {
  return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: " + place + "\nspec:\n" +
         spec;
}

const std::string kMesh = kMyapp + "---" + kSubsets;

/// The root delegates /api to default/api and has a route of its own behind it.
const std::string kRoot =
    service("{name: root}",
            "  hosts: [myapp]\n  http:\n"
            "  - name: up\n    match: [{uri: {prefix: /api}}]\n    delegate: {name: api}\n"
            "    timeout: 3s\n    retries: {attempts: 7}\n"
            "  - route: [{destination: {host: myapp}}]\n");
const std::string kApi = service("{name: api}",
                                 "  http:\n"
                                 "  - name: v2\n    match: [{uri: {prefix: /api/v2}}]\n    timeout: 1s\n"
                                 "    route: [{destination: {host: myapp, subset: v2}}]\n"
                                 "  - route: [{destination: {host: myapp, subset: v1}}]\n");

/// The routes that take effect for the host, as "name prefix -> host/subset timeout retries".
std::vector<std::string> routes(const Registry& registry) {
  std::vector<std::string> out;
  for (const ResourcePtr& resource : registry.effective_virtual_services()) {
    for (const HttpRoute& route : std::get<VirtualService>(resource->spec).http) {
      std::string text = route.name;
      for (const HttpMatch& match : route.match) text += ' ' + (match.uri ? match.uri->value : "*");
      const Destination& to = route.route.front().destination;
      text += " -> " + to.host + '/' + to.subset;
      if (route.timeout)
        text +=
            ' ' + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*route.timeout).count());
      if (route.retries) text += " x" + std::to_string(route.retries->attempts);
      out.push_back(text);
    }
  }
  return out;
}

TEST(Delegates, TakeTheirRootsPlaceAndInheritWhatTheyDoNotSay) {
  const Registry mesh = registry(kMesh + kRoot + kApi);
  EXPECT_EQ(routes(mesh),
            (std::vector<std::string>{"up-v2 /api/v2 -> myapp.default.svc.cluster.local/v2 1 x7",
                                      "up /api -> myapp.default.svc.cluster.local/v1 3 x7", " -> myapp/"}));
  EXPECT_TRUE(mesh.findings().empty()) << ::testing::PrintToString(texts(mesh.findings()));
}

TEST(Delegates, AreFoundInTheirNamespaceAndMeanItsHosts) {
  const std::string root =
      service("{name: root}", "  hosts: [myapp]\n  http:\n  - delegate: {name: api, namespace: team}\n");
  const std::string api =
      service("{name: api, namespace: team}", "  http:\n  - route: [{destination: {host: other}}]\n");
  EXPECT_EQ(routes(registry(root + api)), (std::vector<std::string>{" -> other.team.svc.cluster.local/"}));
}

TEST(Delegates, SeveralRoutesMayDelegateToOne) {
  const std::string root = service("{name: root}",
                                   "  hosts: [myapp]\n  http:\n"
                                   "  - match: [{uri: {prefix: /a}}]\n    delegate: {name: api}\n"
                                   "  - match: [{uri: {prefix: /b}}]\n    delegate: {name: api}\n");
  const std::string api = service("{name: api}", "  http:\n  - route: [{destination: {host: myapp}}]\n");
  EXPECT_EQ(routes(registry(root + api)),
            (std::vector<std::string>{" /a -> myapp.default.svc.cluster.local/",
                                      " /b -> myapp.default.svc.cluster.local/"}));
}

TEST(Delegates, ARouteOutsideOfItsRootsIsLeftOutAndReported) {
  const std::string api = service("{name: api}",
                                  "  http:\n  - match: [{uri: {prefix: /other}}]\n"
                                  "    route: [{destination: {host: myapp}}]\n"
                                  "  - route: [{destination: {host: myapp}}]\n");
  const Registry mesh = registry(kMyapp + kRoot + api);
  EXPECT_EQ(routes(mesh).size(), 2u);
  ASSERT_EQ(mesh.findings().size(), 1u);
  EXPECT_EQ(mesh.findings()[0].severity, Severity::kWarning);
  EXPECT_EQ(mesh.findings()[0].resource, "VirtualService default/api");
  EXPECT_EQ(mesh.findings()[0].path, "spec.http[0].match");
  EXPECT_EQ(
      mesh.findings()[0].message,
      "has no effect below VirtualService default/root spec.http[0]: its conditions are not part of that "
      "route's");
}

TEST(Delegates, OneThatNobodyDelegatesToHasNoEffect) {
  const Registry mesh = registry(kMyapp + kApi);
  ASSERT_EQ(mesh.findings().size(), 1u);
  EXPECT_EQ(mesh.findings()[0].path, "spec.hosts");
  EXPECT_TRUE(mesh.effective_virtual_services().empty());
}

struct Case {
  const char* name;
  std::string delegate;  // documents
  const char* message;
};

TEST(Delegates, ThoseThatCannotBeUsedAreErrorsOfTheRoot) {
  const std::string route = "  http:\n  - route: [{destination: {host: myapp}}]\n";
  const Case cases[] = {
      {"missing", "", "VirtualService default/api does not exist"},
      {"with hosts", service("{name: api}", "  hosts: [elsewhere]\n" + route),
       "VirtualService default/api has hosts of its own, so nobody can delegate to it"},
  };
  for (const Case& entry : cases) {
    const Reconciled state = reconcile(nullptr, resources(kMesh + kRoot + entry.delegate));
    const auto found =
        std::ranges::find(state.findings, "VirtualService default/root", &Diagnostic::resource);
    ASSERT_NE(found, state.findings.end()) << entry.name;
    EXPECT_EQ(found->path, "spec.http[0].delegate");
    EXPECT_EQ(found->message, entry.message + std::string("; it has no effect until that is mended"));
  }
}

TEST(Delegates, OthersNamespacesMustBeToldOfThem) {
  const std::string root =
      service("{name: root}", "  hosts: [myapp]\n  http:\n  - delegate: {name: api, namespace: team}\n");
  const std::string api = "  http:\n  - route: [{destination: {host: myapp.default.svc.cluster.local}}]\n";
  const auto findings = [&](const std::string& export_to) {
    const std::string all =
        kMyapp + root + service("{name: api, namespace: team}", "  exportTo: [" + export_to + "]\n" + api);
    return reconcile(nullptr, resources(all)).findings;
  };
  EXPECT_TRUE(findings("default").empty());
  EXPECT_TRUE(findings("'*'").empty());
  ASSERT_FALSE(findings("'.'").empty());
  EXPECT_EQ(
      findings("'.'").front().message,
      "VirtualService team/api is not exported to the namespace default; it has no effect until that is "
      "mended");
}

TEST(Delegates, ATakenDelegateStays) {
  const Reconciled good = reconcile(nullptr, resources(kMesh + kRoot + kApi));
  ASSERT_TRUE(good.findings.empty()) << ::testing::PrintToString(texts(good.findings));
  const Reconciled then = reconcile(good.registry.get(), resources(kMesh + kRoot));
  EXPECT_EQ(routes(*then.registry), routes(*good.registry));
  ASSERT_EQ(then.findings.size(), 1u);
  EXPECT_EQ(then.findings[0].message,
            "VirtualService default/api does not exist; what it leads to stays as it was");
}

TEST(Delegates, MayNotDelegateThemselvesOrHaveGateways) {
  const auto found =
      findings_of(service("{name: api}", "  gateways: [mesh]\n  http:\n  - delegate: {name: other}\n"));
  ASSERT_EQ(found.size(), 2u) << ::testing::PrintToString(found);
  EXPECT_NE(found[0].find("spec.gateways: has no place in a VirtualService without hosts"),
            std::string::npos);
  EXPECT_NE(found[1].find("spec.http[0].delegate: a VirtualService that is delegated to cannot delegate"),
            std::string::npos);
}

StringMatch text(StringMatch::Kind kind, const char* value) { return {kind, value}; }

TEST(MergeMatch, ConditionsMustBePartOfTheOthers) {
  using Kind = StringMatch::Kind;
  struct Pair {
    StringMatch outer, inner;
    bool fits;
  };
  const Pair pairs[] = {
      {text(Kind::kExact, "/a"), text(Kind::kExact, "/a"), true},
      {text(Kind::kExact, "/a"), text(Kind::kExact, "/ab"), false},
      {text(Kind::kExact, "/a"), text(Kind::kPrefix, "/a"), false},
      {text(Kind::kPrefix, "/a"), text(Kind::kPrefix, "/a/b"), true},
      {text(Kind::kPrefix, "/a"), text(Kind::kExact, "/ab"), true},
      {text(Kind::kPrefix, "/a/b"), text(Kind::kPrefix, "/a"), false},
      {text(Kind::kPrefix, "/a"), text(Kind::kRegex, "/a"), false},
      {text(Kind::kRegex, "/a"), text(Kind::kExact, "/a"), false},
  };
  for (const Pair& pair : pairs) {
    HttpMatch outer;
    HttpMatch inner;
    outer.uri = pair.outer;
    inner.uri = pair.inner;
    EXPECT_EQ(merge_match(outer, inner).has_value(), pair.fits)
        << pair.outer.value << ' ' << pair.inner.value;
    outer = HttpMatch();
    inner = HttpMatch();
    outer.headers.emplace_back("x", pair.outer);
    inner.headers.emplace_back("x", pair.inner);
    EXPECT_EQ(merge_match(outer, inner).has_value(), pair.fits)
        << pair.outer.value << ' ' << pair.inner.value;
  }
}

TEST(MergeMatch, TakesBothTogether) {
  HttpMatch outer;
  outer.name = "outer";
  outer.headers.emplace_back("x", std::nullopt);
  outer.port = 80;
  outer.source_labels = {{"app", "a"}};
  HttpMatch inner;
  inner.name = "inner";
  inner.headers.emplace_back("y", std::nullopt);
  inner.source_labels = {{"version", "v1"}};
  const auto both = merge_match(outer, inner);
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->name, "outer-inner");
  EXPECT_EQ(both->headers.size(), 2u);
  EXPECT_EQ(both->port, 80);
  EXPECT_EQ(both->source_labels.size(), 2u);

  inner.port = 81;
  EXPECT_FALSE(merge_match(outer, inner).has_value());
  inner.port.reset();
  inner.ignore_uri_case = true;
  EXPECT_FALSE(merge_match(outer, inner).has_value());
  inner.ignore_uri_case = false;
  inner.source_labels = {{"app", "b"}};
  EXPECT_FALSE(merge_match(outer, inner).has_value());
}

}  // namespace
}  // namespace remora::istio::test
