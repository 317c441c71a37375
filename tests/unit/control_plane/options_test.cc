#include "control_plane/options.h"

#include <gtest/gtest.h>

namespace remora::xds {
namespace {

std::string error_of(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  return options.ok() ? "" : options.error().message;
}

TEST(Options, HaveDefaults) {
  const auto options = parse_options({"--config", "mesh"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->config_paths, std::vector<std::string>{"mesh"});
  EXPECT_EQ(options->xds_address, "127.0.0.1:15010");
  EXPECT_EQ(options->admin_address, "127.0.0.1:15014");
  EXPECT_EQ(options->log_level, "info");
  EXPECT_FALSE(options->validate);
}

TEST(Options, TakeValuesInBothForms) {
  const auto options = parse_options(
      {"--config=a", "-c", "b", "--xds-address", "0.0.0.0:0", "--admin-address=[::1]:0", "--xds-address-path",
       "x", "--admin-address-path=y", "-l", "debug", "--validate", "--default-scope", "namespace"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->config_paths, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options->xds_address, "0.0.0.0:0");
  EXPECT_EQ(options->admin_address, "[::1]:0");
  EXPECT_EQ(options->xds_address_path, "x");
  EXPECT_EQ(options->admin_address_path, "y");
  EXPECT_EQ(options->log_level, "debug");
  EXPECT_EQ(options->default_scope, DefaultScope::kNamespace);
  EXPECT_TRUE(options->validate);
}

TEST(Options, NameTheLease) {
  const auto options =
      parse_options({"--in-cluster", "--lease-name=a.b", "--lease-namespace", "mesh", "--lease-identity",
                     "me", "--lease-duration", "30s", "--token-audience", "x"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->lease_name, "a.b");
  EXPECT_EQ(options->lease_namespace, "mesh");
  EXPECT_EQ(options->lease_identity, "me");
  EXPECT_EQ(options->lease_duration, std::chrono::seconds(30));
  EXPECT_EQ(options->token_audience, "x");
  EXPECT_EQ(error_of({"--lease-name", "a/b"}), "--lease-name: \"a/b\" is no name of an object in Kubernetes");
  EXPECT_EQ(error_of({"--lease-duration", "2s"}), "--lease-duration: must be a duration of 3s to 1h");
  EXPECT_EQ(error_of({"--token-audience", ""}), "--token-audience: must not be empty");
}

TEST(Options, FaultsAreNamed) {
  EXPECT_EQ(error_of({"--validate"}), "--validate needs --config");
  EXPECT_EQ(error_of({"--api-cert-file", "a"}), "--api-cert-file and --api-key-file belong together");
  EXPECT_EQ(error_of({"--config"}), "--config needs a value: PATH");
  EXPECT_EQ(error_of({"--config", "a", "--turbo"}), "unknown argument --turbo; --help lists what there is");
  EXPECT_EQ(error_of({"--default-scope", "all"}), "--default-scope must be mesh, namespace or asked");
  EXPECT_EQ(error_of({"mesh"}), "unknown argument mesh; --help lists what there is");
  EXPECT_EQ(error_of({"--config=a", "--validate=yes"}), "--validate takes no value");
  EXPECT_EQ(error_of({"--config=a", "-l", "loud"}), "--log-level: \"loud\" is no level");
}

TEST(Options, OfIdentityBelongTogether) {
  EXPECT_EQ(error_of({"--ca-cert-file", "a"}), "--ca-cert-file and --ca-key-file belong together");
  EXPECT_EQ(error_of({"--ca-root-file", "a"}), "--ca-root-file needs --ca-cert-file");
  EXPECT_EQ(error_of({"--trust-domain", "A"}), "--trust-domain: \"A\" is no SPIFFE trust domain");
  EXPECT_EQ(error_of({"--cert-lifetime", "1s"}), "--cert-lifetime: must be a duration of at least 2s");
  EXPECT_EQ(error_of({"--cert-lifetime", "soon"}), "--cert-lifetime: must be a duration of at least 2s");
  EXPECT_EQ(error_of({"--xds-address", "none"}), "--xds-address none needs --xds-tls-address");
  EXPECT_TRUE(
      parse_options({"--xds-address", "none", "--xds-tls-address", "0.0.0.0:0"})->xds_address.empty());
  EXPECT_FALSE(parse_options({})->gives_identities());
  EXPECT_TRUE(parse_options({"--trust-loopback"})->gives_identities());
  EXPECT_EQ(parse_options({"--cert-lifetime", "1h30m"})->certificate_lifetime, std::chrono::minutes(90));
}

TEST(Options, OfTheWebhookBelongTogether) {
  EXPECT_EQ(error_of({"--webhook-configuration", "a"}), "--webhook-configuration needs --webhook-address");
  EXPECT_EQ(error_of({"--injection-settings", "a"}), "--injection-settings needs --webhook-address");
  EXPECT_EQ(error_of({"--webhook-server-name", "a"}), "--webhook-server-name needs --webhook-address");
  EXPECT_EQ(error_of({"--webhook-address", "[::]:15017", "--webhook-configuration", "a"}),
            "--webhook-configuration needs --in-cluster or --kubeconfig");
  const auto options =
      parse_options({"--in-cluster", "--webhook-address", "[::]:15017", "--webhook-configuration", "a",
                     "--webhook-server-name", "b", "--webhook-server-name", "c"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->webhook_server_names, (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(options->gives_identities()) << "it needs an authority";
}

TEST(Options, HelpAndVersionNeedNothingElse) {
  EXPECT_TRUE(parse_options({"--help"}).ok());
  EXPECT_TRUE(parse_options({"--version"}).ok());
  EXPECT_NE(usage().find("--xds-address-path"), std::string::npos);
}

}  // namespace
}  // namespace remora::xds
