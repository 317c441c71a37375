#include "control_plane/authenticator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/kubernetes/fake_api.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::xds {
namespace {

constexpr const char* kShared = "shared-token-0123";
constexpr const char* kCart = "cart-token-012345";
constexpr const char* kAds =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
constexpr const char* kPodToken = "e30.e30.x";

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest() {
    std::ofstream(path_) << kShared << '\n' << kCart << " shop/cart\n";
    settings_.root_namespace = "istio-system";
    settings_.join_token_file = path_;
  }
  ~AuthenticatorTest() override { std::filesystem::remove(path_); }

  static istio::ProxyNode node(const std::string& ns, const std::string& account = "") {
    istio::ProxyNode node;
    node.ns = ns;
    node.service_account = account;
    return node;
  }
  static Caller plain(const std::string& token = "", bool loopback = true) {
    Caller caller;
    caller.loopback = loopback;
    caller.bearer_token = token;
    return caller;
  }
  static Caller certified(const std::string& id) {
    Caller caller;
    caller.encrypted = caller.certified = true;
    caller.certificate = id;
    return caller;
  }
  /// A call over TLS with a token.
  static Caller bearing(const std::string& token, const std::string& method = kAds) {
    Caller caller = plain(token, false);
    caller.encrypted = true;
    caller.method = method;
    return caller;
  }
  std::string admit(const Caller& caller) const {
    const auto admitted = Authenticator(settings_).admit(caller);
    return admitted.ok() ? "" : admitted.error().message;
  }
  /// The identity, "nobody", or why not.
  std::string identify(const Caller& caller, const istio::ProxyNode& node) const {
    const auto id = Authenticator(settings_).identify(caller, node);
    if (!id.ok()) return id.error().message;
    return *id ? (*id)->uri() : "nobody";
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("remora-join-" + std::to_string(::getpid()));
  Authenticator::Settings settings_;
};

TEST_F(AuthenticatorTest, WhoShowsNothingIsNobody) {
  EXPECT_EQ(identify(plain(), node("shop", "cart")), "nobody");
}

TEST_F(AuthenticatorTest, ASharedTokenIsForWhomTheNodeClaimsToBe) {
  EXPECT_EQ(identify(plain(kShared), node("shop", "web")), "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_EQ(identify(plain(kShared), node("shop")), "spiffe://cluster.local/ns/shop/sa/default");
}

TEST_F(AuthenticatorTest, AWorkloadsTokenIsForThatWorkload) {
  EXPECT_EQ(identify(plain(kCart), node("shop")), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_NE(identify(plain(kCart), node("shop", "web"))
                .find("has proved to be spiffe://cluster.local/ns/shop/sa/cart"),
            std::string::npos);
  EXPECT_NE(identify(plain(kCart), node("default")).find("claims namespace \"default\""), std::string::npos);
}

TEST_F(AuthenticatorTest, ATokenInPlainTextFromAfarProvesNothing) {
  EXPECT_NE(identify(plain(kShared, false), node("shop")).find("use TLS"), std::string::npos);
  Caller encrypted = plain(kShared, false);
  encrypted.encrypted = true;
  EXPECT_EQ(identify(encrypted, node("shop")), "spiffe://cluster.local/ns/shop/sa/default");
}

TEST_F(AuthenticatorTest, ACertificateCountsBeforeAToken) {
  Caller caller = certified("spiffe://cluster.local/ns/shop/sa/web");
  caller.bearer_token = kCart;
  EXPECT_EQ(identify(caller, node("shop")), "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_NE(
      identify(certified("spiffe://other.test/ns/shop/sa/web"), node("shop")).find("not of the trust domain"),
      std::string::npos);
  EXPECT_NE(identify(certified(""), node("shop")).find("does not name exactly one SPIFFE ID"),
            std::string::npos);
}

TEST_F(AuthenticatorTest, OverTlsEverybodyProvesWhoHeIs) {
  Caller caller;
  caller.encrypted = caller.loopback = true;
  EXPECT_NE(identify(caller, node("shop")).find("over TLS a proxy proves who it is"), std::string::npos);
  EXPECT_FALSE(Authenticator(settings_).admit(caller).ok());
  caller.bearer_token = kCart;
  EXPECT_TRUE(Authenticator(settings_).admit(caller).ok());
  EXPECT_TRUE(Authenticator(settings_).admit(certified("spiffe://cluster.local/ns/a/sa/b")).ok());
  EXPECT_FALSE(Authenticator(settings_).admit(certified("spiffe://other.test/ns/a/sa/b")).ok());
}

TEST_F(AuthenticatorTest, NobodyIsTheControlPlane) {
  EXPECT_NE(
      identify(plain(kShared), node("istio-system", "remora-control")).find("is the control plane itself"),
      std::string::npos);
}

TEST_F(AuthenticatorTest, LoopbackIsTrustedOnlyWhenAsked) {
  settings_.trust_loopback = true;
  EXPECT_EQ(identify(plain(), node("shop", "web")), "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_EQ(identify(plain("", false), node("shop", "web")), "nobody");
}

/// With a Kubernetes API server that says of every token that it is of the pod shop/cart-1.
class TokenPathTest : public AuthenticatorTest {
 protected:
  TokenPathTest() {
    settings_.token_review = &reviews_;
    api_.answer = [](const kubernetes::ApiCall&) {
      return kubernetes::ApiAnswer{201, R"({"status":{"authenticated":true,"audiences":["istio-ca"],"user":{
          "username":"system:serviceaccount:shop:cart",
          "extra":{"authentication.kubernetes.io/pod-name":["cart-1"]}}}})"};
    };
  }
  /// As the stream does it: who is reviewed, and then identified.
  Caller reviewed(Caller caller) {
    auto* reviewer = Authenticator(settings_).reviewer_for(caller);
    if (reviewer == nullptr) return caller;
    bool answered = false;
    const auto handle =
        reviewer->review(caller.bearer_token, [&](const Result<kubernetes::TokenOwner>& owner) {
          answered = true;
          if (owner.ok()) caller.token_owner = *owner;
        });
    kubernetes::run_until(context_, [&] { return answered; });
    return caller;
  }
  static istio::ProxyNode pod(const std::string& name, const std::string& account = "cart") {
    istio::ProxyNode result = node("shop", account);
    result.name = name + ".shop";
    return result;
  }

  boost::asio::io_context context_;
  kubernetes::FakeApi api_{context_};
  kubernetes::TokenReview reviews_{api_, "istio-ca"};
};

TEST_F(TokenPathTest, APodIsItsServiceAccount) {
  EXPECT_EQ(identify(reviewed(bearing(kPodToken)), pod("cart-1")), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(api_.calls.size(), 1U);
}

TEST_F(TokenPathTest, ATokenOfAPodIsForThatPodOnly) {
  const Caller caller = reviewed(bearing(kPodToken));
  EXPECT_EQ(identify(caller, pod("cart-2")),
            "its node claims to be \"cart-2.shop\", but its token is of the pod shop/cart-1");
  EXPECT_NE(
      identify(caller, pod("cart-1", "web")).find("has proved to be spiffe://cluster.local/ns/shop/sa/cart"),
      std::string::npos);
}

TEST_F(TokenPathTest, UnreviewedItProvesNothing) {
  EXPECT_NE(identify(bearing("e30.e30.y"), pod("cart-1")), "spiffe://cluster.local/ns/shop/sa/cart");
}

TEST_F(TokenPathTest, WhoNeedsNoReviewGetsNone) {
  const Authenticator authenticator(settings_);
  EXPECT_EQ(authenticator.reviewer_for(bearing(kCart)), nullptr);                     // of the join file
  EXPECT_EQ(authenticator.reviewer_for(certified("spiffe://a/ns/b/sa/c")), nullptr);  // has a certificate
  EXPECT_EQ(authenticator.reviewer_for(plain(kPodToken, false)), nullptr);  // in plain text from afar
  EXPECT_EQ(authenticator.reviewer_for(plain()), nullptr);
  EXPECT_EQ(authenticator.reviewer_for(bearing(kPodToken)), &reviews_);
  EXPECT_EQ(authenticator.reviewer_for(plain(kPodToken)), &reviews_);  // from this machine
  EXPECT_EQ(authenticator.reviewer_for(reviewed(bearing(kPodToken))), nullptr);
}

TEST_F(TokenPathTest, StreamsThatBeginWithAnIdentityMayBringATokenThatIsStillToBeReviewed) {
  EXPECT_EQ(admit(bearing(kPodToken)), "");
  EXPECT_EQ(admit(bearing(kPodToken, "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets")), "");
  EXPECT_EQ(admit(bearing(kPodToken, "/envoy.service.metrics.v3.MetricsService/StreamMetrics")), "");
  EXPECT_EQ(admit(bearing(kPodToken, "/some.Service/Method")),
            "the token has not been reviewed: a proxy asks for its configuration first");
  reviewed(bearing(kPodToken));
  EXPECT_EQ(admit(bearing(kPodToken, "/some.Service/Method")), "");
}

TEST(LoopbackPeer, IsToldByItsAddress) {
  for (const char* own :
       {"ipv4:127.0.0.1:80", "ipv4:127.9.9.9:1", "ipv6:[::1]:80", "ipv6:%5B::1%5D:80", "unix:/run/x"}) {
    EXPECT_TRUE(is_loopback_peer(own)) << own;
  }
  for (const char* foreign : {"", "ipv4:10.0.0.1:80", "ipv4:1.127.0.1:80", "ipv6:[2001:db8::1]:80",
                              "ipv6:[::10]:80", "dns:127.0.0.1"}) {
    EXPECT_FALSE(is_loopback_peer(foreign)) << foreign;
  }
}

}  // namespace
}  // namespace remora::xds
