// The authority that replicas share is what its secret holds, also when somebody changes that.
#include "control_plane/cluster_authority.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "identity/own_root.h"
#include "istio/text/base64.h"
#include "unit/support/run_until.h"

namespace remora::xds {
namespace {

namespace json = boost::json;
using identity::CertificateAuthority;
using kubernetes::ApiAnswer;
using kubernetes::ApiCall;

/// An API server with nothing but secrets; those of the fields that a root has.
class FakeSecrets final : public kubernetes::ApiClient {
 public:
  explicit FakeSecrets(boost::asio::io_context& context) : context_(context) {}

  std::shared_ptr<void> call(ApiCall call, Answered done) override {
    ++calls;
    auto handle = std::make_shared<Answered>(std::move(done));
    boost::asio::post(context_, [this, call = std::move(call), weak = std::weak_ptr(handle)] {
      if (const auto waiting = weak.lock()) (*waiting)(answer(call));
    });
    return handle;
  }
  std::shared_ptr<void> stream(std::string /*path*/, OnLine /*on_line*/, Answered /*ended*/) override {
    return nullptr;
  }

  void put_root(const std::string& name) {
    const auto key = identity::make_root_key();
    put(name, *identity::make_root_certificate(*key, "cluster.local"), *key);
  }
  void put(const std::string& name, const std::string& certificate, const std::string& key) {
    secrets[name] = json::serialize(json::object{
        {"data",
         {{"ca-cert.pem", istio::encode_base64(certificate)}, {"ca-key.pem", istio::encode_base64(key)}}}});
  }

  std::map<std::string, std::string> secrets;  ///< as JSON
  int calls = 0;

 private:
  Result<ApiAnswer> answer(const ApiCall& call) const {
    const auto found = secrets.find(call.path.substr(call.path.rfind('/') + 1));
    if (call.method != "GET") return ApiAnswer{500, "{}"};
    return found == secrets.end() ? ApiAnswer{404, "{}"} : ApiAnswer{200, found->second};
  }

  boost::asio::io_context& context_;
};

class ClusterAuthorityTest : public testing::Test {
 protected:
  ClusterAuthorityTest() {
    secrets_.put_root("istio-ca-secret");
    authority_.start();
    run_until([this] { return authority_.found(); });
    used_ = authority_.take();
    first_ = used_->root_pem();
    following_ = used_->follow([this] { ++changes_; });
    authority_.keep_current(*used_);
  }

  void run_until(const std::function<bool()>& condition) {
    ASSERT_TRUE(remora::run_until(context_, condition));
  }
  /// As long as it takes to look several times.
  void look_several_times() {
    run_until([this, enough = secrets_.calls + 6] { return secrets_.calls > enough; });
  }

  boost::asio::io_context context_;
  FakeSecrets secrets_{context_};
  ClusterAuthority authority_{context_, secrets_, "istio-system", "cluster.local",
                              std::chrono::milliseconds(1)};
  std::unique_ptr<CertificateAuthority> used_;
  std::string first_;
  std::shared_ptr<void> following_;
  int changes_ = 0;
};

TEST_F(ClusterAuthorityTest, WhatStaysTheSameIsToldToNobody) {
  look_several_times();
  EXPECT_EQ(changes_, 0);
}

TEST_F(ClusterAuthorityTest, AChangedSecretIsTheAuthorityAndThoseWhoFollowHearOfItOnce) {
  secrets_.put_root("istio-ca-secret");
  run_until([this] { return changes_ > 0; });
  EXPECT_NE(used_->root_pem(), first_);
  const auto leaf = used_->issue({"cluster.local", "shop", "cart"}, std::chrono::hours(1));
  EXPECT_TRUE(leaf.ok());
  look_several_times();
  EXPECT_EQ(changes_, 1);
}

TEST_F(ClusterAuthorityTest, WhatTheOperatorGivesLaterComesFirst) {
  secrets_.put_root("cacerts");
  run_until([this] { return changes_ > 0; });
  EXPECT_EQ(used_->origin(), "secret istio-system/cacerts");
  secrets_.secrets.erase("cacerts");
  run_until([this] { return changes_ > 1; });
  EXPECT_EQ(used_->root_pem(), first_);
}

TEST_F(ClusterAuthorityTest, WhatIsGoneOrWrongChangesNothingAndIsMadeByNobody) {
  secrets_.put("istio-ca-secret", "rubbish", "rubbish");
  look_several_times();
  EXPECT_NE(authority_.complaint().find("istio-ca-secret ca-key.pem"), std::string::npos)
      << authority_.complaint();
  secrets_.secrets.clear();
  look_several_times();
  EXPECT_EQ(authority_.complaint(), "secret istio-system/istio-ca-secret is not there");
  EXPECT_EQ(changes_, 0);
  EXPECT_EQ(used_->root_pem(), first_);
  secrets_.put_root("istio-ca-secret");
  run_until([this] { return changes_ == 1; });
  EXPECT_EQ(authority_.complaint(), "");
}

TEST_F(ClusterAuthorityTest, WhoHasLetGoIsToldNothing) {
  following_.reset();
  secrets_.put_root("istio-ca-secret");
  run_until([this] { return used_->root_pem() != first_; });
  EXPECT_EQ(changes_, 0);
}

}  // namespace
}  // namespace remora::xds
