#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "control_plane/admin_pages.h"
#include "control_plane/file_set.h"
#include "unit/istio/mesh_builders.h"

namespace remora::xds {
namespace {

/// A source that holds what it is given.
class FixedSource : public ResourceSource {
 public:
  ResourceList list() const override { return list_; }
  void watch(std::function<void()> changed) override { changed_ = std::move(changed); }
  void set(const std::string& yaml) {
    FileSet files;
    files.update("mesh.yaml", yaml);
    list_ = files.list();
    if (changed_) changed_();
  }

 private:
  ResourceList list_;
  std::function<void()> changed_;
};

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    source_.set(
        istio::test::kMyapp + "---\n" +
        istio::test::virtual_service(
            "  - route: [{destination: {host: myapp}}]\n    mirror: {host: myapp}\n    mirrorPercent: 1\n"));
  }

  web::Response answer(const std::string& target) {
    web::Request request;
    request.target = target;
    return pages_.answer(request);
  }
  std::string body(const std::string& target) { return answer(target).body; }

  FixedSource source_;
  boost::asio::io_context context_;
  istio::Inventory inventory_;
  Mesh mesh_{source_, inventory_};
  AdsService ads_{context_, mesh_};
  telemetry::TrafficStore traffic_;
  AdminPages pages_{mesh_, ads_, traffic_};
};

TEST_F(AdminTest, AnswersProbes) {
  EXPECT_EQ(answer("/ready").status, 200U);
  EXPECT_EQ(answer("/healthz?x=y").status, 200U);
  EXPECT_EQ(answer("/nothing").status, 404U);
}

TEST_F(AdminTest, ListsResourcesByKind) {
  EXPECT_EQ(boost::json::parse(body("/debug/configz")).as_array().size(), 4U);
  const auto services = boost::json::parse(body("/debug/configz?kind=Service"));
  ASSERT_EQ(services.as_array().size(), 1U);
  EXPECT_EQ(services.at(0).at("metadata").at("name"), "myapp");
}

TEST_F(AdminTest, ShowsFindings) {
  const auto findings = boost::json::parse(body("/debug/errors"));
  ASSERT_EQ(findings.as_array().size(), 1U);
  EXPECT_EQ(findings.at(0).at("severity"), "warning");
  EXPECT_EQ(findings.at(0).at("path"), "spec.http[0].mirrorPercent");
  EXPECT_EQ(findings.at(0).at("file"), "mesh.yaml");
}

TEST_F(AdminTest, ShowsServicesAndEndpoints) {
  const auto services = boost::json::parse(body("/debug/endpointz"));
  EXPECT_EQ(services.at(0).at("host"), "myapp.default.svc.cluster.local");
  EXPECT_EQ(services.at(0).at("ports").at(0).at("endpoints").as_array().size(), 2U);
  EXPECT_EQ(body("/debug/registryz"), body("/debug/endpointz"));
}

TEST_F(AdminTest, CountsWhatIsWrong) {
  EXPECT_NE(body("/metrics").find("remora_control_config_warnings 1\n"), std::string::npos);
  EXPECT_NE(body("/metrics").find("remora_control_config_errors 0\n"), std::string::npos);
  source_.set("kind: [");
  EXPECT_NE(body("/metrics").find("remora_control_config_errors 1\n"), std::string::npos);
  EXPECT_NE(body("/metrics").find("pilot_xds 0\n"), std::string::npos);
}

TEST_F(AdminTest, DumpNeedsAProxy) {
  EXPECT_EQ(answer("/debug/config_dump").status, 400U);
  EXPECT_EQ(answer("/debug/config_dump?proxyID=x%7Ey").status, 404U);
  EXPECT_NE(body("/debug/config_dump?proxyID=x%7Ey").find("\"x~y\""), std::string::npos);
}

TEST_F(AdminTest, MeshSharesSnapshotsAmongEqualProxies) {
  istio::ProxyNode node;
  node.ns = "default";
  node.ip = "127.0.9.1";
  const auto client = mesh_.snapshot_for(node);
  node.ip = "127.0.9.2";
  EXPECT_EQ(mesh_.snapshot_for(node), client);
  node.ip = "127.0.1.1";
  const auto server = mesh_.snapshot_for(node);
  EXPECT_NE(server, client);
  EXPECT_EQ(mesh_.snapshot_for(node), server);
}

}  // namespace
}  // namespace remora::xds
