#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "kubernetes/access.h"

namespace remora::kubernetes {
namespace {

class Kubeconfig : public testing::Test {
 protected:
  Kubeconfig() : folder_(testing::TempDir() + "kubeconfig-" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Kubeconfig() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + '/' + name) << text;
    return folder_ + '/' + name;
  }

  /// A file with two contexts; `user` and `cluster` are further lines of the entries of context "one".
  std::string config(const std::string& user, const std::string& cluster = "") {
    return write("config",
                 "apiVersion: v1\nkind: Config\ncurrent-context: one\n"
                 "clusters:\n- name: c1\n  cluster:\n    server: https://10.0.0.1:6443\n" +
                     cluster +
                     "- name: c2\n  cluster: {server: 'https://other:1/prefix', tls-server-name: api, "
                     "insecure-skip-tls-verify: true}\n"
                     "users:\n- name: u1\n  user:\n" +
                     user +
                     "- name: u2\n  user: {token: abc}\n"
                     "contexts:\n- name: one\n  context: {cluster: c1, user: u1, namespace: shop}\n"
                     "- name: two\n  context: {cluster: c2, user: u2}\n");
  }

  std::string error_of(const std::string& path, const std::string& context = "") {
    const auto access = read_kubeconfig(path, context);
    return access.ok() ? "no error" : access.error().message;
  }

  std::string folder_;
};

TEST_F(Kubeconfig, FilesAreFoundBesideItAndDataIsDecoded) {
  const std::string path = config(
      "    client-certificate-data: UEVNIQ==\n    client-key: keys/me.key\n    tokenFile: /run/token\n",
      "    certificate-authority: ca.crt\n");
  const auto access = read_kubeconfig(path, "");
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_EQ(access->server, "https://10.0.0.1:6443");
  EXPECT_EQ(access->ns, "shop");
  EXPECT_EQ(access->certificate.text, "PEM!");
  EXPECT_EQ(access->private_key.file, folder_ + "/keys/me.key");
  EXPECT_EQ(access->ca.file, folder_ + "/ca.crt");
  EXPECT_EQ(access->token_file, "/run/token");
  EXPECT_TRUE(access->verify);
}

TEST_F(Kubeconfig, AnotherContextCanBeNamed) {
  const auto access = read_kubeconfig(config("    token: t\n"), "two");
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_EQ(access->server, "https://other:1/prefix");
  EXPECT_EQ(access->server_name, "api");
  EXPECT_FALSE(access->verify);
  EXPECT_EQ(access->token, "abc");
}

TEST_F(Kubeconfig, WhatIsNotDoneIsRefusedByName) {
  EXPECT_EQ(error_of(config("    exec: {command: aws, apiVersion: v1}\n")),
            folder_ +
                "/config: users[0].user.exec: credential plugins are not run here: use a client "
                "certificate, a token or a token file");
  EXPECT_NE(error_of(config("    auth-provider: {name: gcp}\n")).find("users[0].user.auth-provider: "),
            std::string::npos);
  EXPECT_NE(error_of(config("    as: root\n")).find("users[0].user.as: impersonation"), std::string::npos);
  EXPECT_NE(error_of(config("    username: me\n")).find("users[0].user.username: "), std::string::npos);
  EXPECT_NE(error_of(config("    tokn: me\n")).find("users[0].user.tokn: is not understood"),
            std::string::npos);
  EXPECT_NE(
      error_of(config("    token: t\n", "    proxy-url: http://p\n")).find("clusters[0].cluster.proxy-url"),
      std::string::npos);
}

TEST_F(Kubeconfig, FaultsAreNamedWithTheirPlace) {
  EXPECT_NE(error_of(config("    token: t\n"), "three").find("contexts: there is no entry called \"three\""),
            std::string::npos);
  EXPECT_NE(error_of(config("    client-certificate: a\n")).find("belong together"), std::string::npos);
  EXPECT_NE(error_of(config("    client-certificate-data: '%%%%'\n    client-key: b\n"))
                .find("users[0].user.client-certificate-data: is no base64"),
            std::string::npos);
  EXPECT_NE(error_of(config("    token: 7\n")).find("users[0].user.token: must be a string"),
            std::string::npos);
  EXPECT_NE(error_of(write("broken", "clusters: [")).find("broken: "), std::string::npos);
  EXPECT_NE(error_of(write("list", "[1]")).find("is no kubeconfig"), std::string::npos);
  EXPECT_NE(error_of(folder_ + "/absent").find("cannot be read"), std::string::npos);
  EXPECT_NE(error_of(write("empty", "kind: Config\n")).find("current-context: is not set"),
            std::string::npos);
}

TEST_F(Kubeconfig, APodFindsItsServerAndItsAccount) {
  std::map<std::string, std::string> variables{{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                               {"KUBERNETES_SERVICE_PORT", "443"}};
  const auto environment = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  EXPECT_NE(in_cluster(environment, folder_).error().message.find("/ca.crt"), std::string::npos);
  write("ca.crt", "CA");
  write("token", "t");
  write("namespace", "istio-system\n");
  const auto access = in_cluster(environment, folder_);
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->token_file, folder_ + "/token");
  EXPECT_EQ(access->ns, "istio-system");
  variables.clear();
  EXPECT_NE(in_cluster(environment, folder_).error().message.find("this is no pod"), std::string::npos);
}

}  // namespace
}  // namespace remora::kubernetes
