#include "kubernetes/http_api_client.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "kubernetes/credentials.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

/// A self-signed certificate for 127.0.0.1, which is its own authority, as one PEM file with its key.
std::string make_certificate(const std::string& path) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("me"), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [nid, value] : {std::pair(NID_subject_alt_name, "IP:127.0.0.1"),
                                   std::pair(NID_basic_constraints, "critical,CA:TRUE")}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, key, EVP_sha256());
  FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate);
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return path;
}

class HttpApiClient : public testing::Test {
 protected:
  HttpApiClient() : folder_(testing::TempDir() + "api-client-" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~HttpApiClient() override { std::filesystem::remove_all(folder_); }

  void connect(Access access) {
    auto made = make_api_client(context_, std::move(access));
    ASSERT_TRUE(made.ok()) << made.error().message;
    client_ = std::move(*made);
  }

  Result<ApiAnswer> call(ApiCall request) {
    std::optional<Result<ApiAnswer>> out;
    const auto handle =
        client_->call(std::move(request), [&](Result<ApiAnswer> answer) { out = std::move(answer); });
    EXPECT_FALSE(out) << "called back from within call()";
    run_until(context_, [&] { return out.has_value(); });
    return out ? std::move(*out) : Result<ApiAnswer>(Error{"never called back"});
  }
  Result<ApiAnswer> get(const std::string& path) {
    ApiCall request;
    request.path = path;
    return call(std::move(request));
  }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + '/' + name) << text;
    return folder_ + '/' + name;
  }

  std::string folder_;
  boost::asio::io_context context_;
  std::unique_ptr<ApiClient> client_;
};

TEST_F(HttpApiClient, SendsWhatItIsGivenAndAnswersWhatTheServerSays) {
  FakeServer server(context_);
  server.answer = [](const web::Request& request, const web::ResponderPtr& responder) {
    responder->respond({409, "application/json", "{\"echo\":" + request.body + "}"});
  };
  connect({.server = server.url + "/prefix/", .token = "abc"});
  const auto answer = call({"PATCH", "/api/v1/pods/x?dryRun=All", "{}", "application/merge-patch+json"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 409u);
  EXPECT_EQ(answer->body, "{\"echo\":{}}");
  const web::Request& seen = server.requests.at(0);
  EXPECT_EQ(seen.method, web::Verb::patch);
  EXPECT_EQ(seen.target, "/prefix/api/v1/pods/x?dryRun=All");
  EXPECT_EQ(seen.headers["authorization"], "Bearer abc");
  EXPECT_EQ(seen.headers["content-type"], "application/merge-patch+json");
  EXPECT_EQ(seen.headers["accept"], "application/json");
}

TEST_F(HttpApiClient, ManyCallsShareFewConnections) {
  FakeServer server(context_);
  size_t together = 0, most = 0;
  std::vector<web::ResponderPtr> held;
  server.answer = [&](const web::Request&, const web::ResponderPtr& responder) {
    held.push_back(responder);
    most = std::max(most, held.size());
    boost::asio::post(context_, [&] {
      for (const auto& each : std::exchange(held, {})) each->respond({});
    });
  };
  connect({.server = server.url});
  std::vector<std::shared_ptr<void>> handles;
  for (int i = 0; i < 200; ++i) {
    handles.push_back(client_->call({.path = "/" + std::to_string(i)}, [&](const Result<ApiAnswer>& answer) {
      together += answer.ok() && answer->status == 200 ? 1 : 0;
    }));
  }
  EXPECT_TRUE(run_until(context_, [&] { return together == 200; })) << together;
  EXPECT_LE(most, 16u);
}

TEST_F(HttpApiClient, ADroppedHandleIsNeverCalledBackAndItsPlaceIsFree) {
  FakeServer server(context_);
  std::vector<web::ResponderPtr> held;
  server.answer = [&](const web::Request&, const web::ResponderPtr& responder) { held.push_back(responder); };
  connect({.server = server.url});
  std::vector<std::shared_ptr<void>> handles;
  for (int i = 0; i < 40; ++i) {
    handles.push_back(
        client_->call({.path = "/"}, [](const Result<ApiAnswer>&) { FAIL() << "given up before"; }));
  }
  ASSERT_TRUE(run_until(context_, [&] { return held.size() == 16; }));
  handles.clear();
  server.answer = [](const web::Request&, const web::ResponderPtr& responder) { responder->respond({}); };
  EXPECT_TRUE(get("/after").ok());
}

TEST_F(HttpApiClient, AHandleSaysThatACallIsUnderWay) {
  FakeServer server(context_);
  connect({.server = server.url});
  EXPECT_NE(client_->call({.path = "/"}, [](const Result<ApiAnswer>&) {}), nullptr);
  EXPECT_NE(client_->stream(
                "/", [](std::string_view) {}, [](const Result<ApiAnswer>&) {}),
            nullptr);
}

TEST_F(HttpApiClient, AServerThatIsNotThereIsNamed) {
  connect({.server = "http://127.0.0.1:1"});
  const auto answer = get("/api");
  ASSERT_FALSE(answer.ok());
  EXPECT_NE(answer.error().message.find("GET http://127.0.0.1:1/api: cannot connect"), std::string::npos)
      << answer.error().message;
}

TEST_F(HttpApiClient, AServerThatComesBackIsFoundAgain) {
  auto server = std::make_unique<FakeServer>(context_);
  connect({.server = server->url});
  EXPECT_TRUE(get("/1").ok());
  server.reset();
  EXPECT_FALSE(get("/2").ok()) << "the kept connection is dead, and nobody listens";
}

TEST_F(HttpApiClient, AStreamGivesWholeLinesAndItsEnd) {
  FakeServer server(context_);
  web::ResponderPtr open;
  server.answer = [&](const web::Request&, const web::ResponderPtr& responder) {
    responder->begin({200, "application/json", "{\"a\""});
    open = responder;
  };
  connect({.server = server.url});
  std::vector<std::string> lines;
  int begun = 0;
  std::optional<Result<ApiAnswer>> ended;
  const auto handle = client_->stream(
      "/watch", [&](std::string_view line) { line.empty() ? void(++begun) : void(lines.emplace_back(line)); },
      [&](Result<ApiAnswer> answer) { ended = std::move(answer); });
  ASSERT_TRUE(run_until(context_, [&] { return open != nullptr; }));
  open->write(":1}\n{}\n{\"half");
  ASSERT_TRUE(run_until(context_, [&] { return lines.size() == 2; }));
  EXPECT_EQ(begun, 1) << "the server has agreed";
  EXPECT_EQ(lines[0], "{\"a\":1}");
  EXPECT_EQ(lines[1], "{}");
  open->end();
  ASSERT_TRUE(run_until(context_, [&] { return ended.has_value(); }));
  ASSERT_TRUE(ended->ok());
  EXPECT_EQ((*ended)->status, 200u);
  EXPECT_EQ((*ended)->body, "");
  EXPECT_EQ(lines.size(), 2u) << "half a line is none";
}

TEST_F(HttpApiClient, ARefusedStreamTellsTheServersWords) {
  FakeServer server(context_);
  server.answer = [&](const web::Request&, const web::ResponderPtr& responder) {
    responder->respond({410, "application/json", "{\"reason\":\"Expired\"}"});
  };
  connect({.server = server.url});
  std::optional<Result<ApiAnswer>> ended;
  const auto handle = client_->stream(
      "/watch", [](std::string_view) { FAIL(); },
      [&](Result<ApiAnswer> answer) { ended = std::move(answer); });
  ASSERT_TRUE(run_until(context_, [&] { return ended.has_value(); }));
  ASSERT_TRUE(ended->ok());
  EXPECT_EQ((*ended)->status, 410u);
  EXPECT_EQ((*ended)->body, "{\"reason\":\"Expired\"}");
}

TEST_F(HttpApiClient, AHugeAnswerIsRefusedAtItsLimit) {
  FakeServer server(context_);
  server.answer = [&](const web::Request&, const web::ResponderPtr& responder) {
    responder->respond({200, "application/json", std::string((64 << 20) + 1, 'x')});
  };
  connect({.server = server.url});
  const auto answer = get("/");
  ASSERT_FALSE(answer.ok());
  EXPECT_NE(answer.error().message.find("larger than 67108864 bytes"), std::string::npos)
      << answer.error().message;
}

TEST_F(HttpApiClient, TheTokenIsReadAgainWhenItsFileChanges) {
  FakeServer server(context_);
  Credentials credentials({.server = server.url, .token_file = write("token", "one\n")});
  EXPECT_EQ(*credentials.authorization(), "Bearer one");
  write("token", "another\n");
  credentials.distrust();
  EXPECT_EQ(*credentials.authorization(), "Bearer another");
  std::filesystem::remove(folder_ + "/token");
  credentials.distrust();
  EXPECT_EQ(*credentials.authorization(), "Bearer another") << "what was read last goes on";
  write("token", "a\r\nb: c");
  credentials.distrust();
  EXPECT_FALSE(credentials.authorization().ok()) << "no header may be smuggled in";
}

TEST_F(HttpApiClient, BothSidesProveWhoTheyAre) {
  const std::string mine = make_certificate(folder_ + "/mine.pem");
  const std::string other = make_certificate(folder_ + "/other.pem");
  FakeServer server(context_, {.certificate_file = mine, .private_key_file = mine, .client_ca_file = mine});
  connect({.server = server.url, .ca = {mine, ""}, .certificate = {mine, ""}, .private_key = {mine, ""}});
  EXPECT_EQ(get("/")->status, 200u);

  connect({.server = server.url, .ca = {mine, ""}});
  EXPECT_EQ(get("/")->status, 401u) << "without a certificate";

  connect({.server = server.url, .ca = {other, ""}});
  const auto refused = get("/");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("TLS handshake failed"), std::string::npos)
      << refused.error().message;

  connect({.server = server.url, .server_name = "elsewhere", .ca = {mine, ""}});
  EXPECT_FALSE(get("/").ok()) << "another name than the certificate's";

  connect({.server = server.url,
           .ca = {other, ""},
           .verify = false,
           .certificate = {mine, ""},
           .private_key = {mine, ""}});
  EXPECT_EQ(get("/")->status, 200u);
}

TEST_F(HttpApiClient, ACertificateThatChangesIsUsedByNewConnections) {
  const std::string mine = make_certificate(folder_ + "/mine.pem");
  const std::string own = make_certificate(folder_ + "/own.pem");
  Credentials credentials({.server = "https://x", .ca = {own, ""}});
  const auto before = credentials.tls();
  ASSERT_TRUE(before.ok());
  credentials.distrust();
  EXPECT_EQ(*credentials.tls(), *before) << "nothing has changed";
  std::filesystem::copy_file(mine, own, std::filesystem::copy_options::overwrite_existing);
  credentials.distrust();
  const auto after = credentials.tls();
  EXPECT_NE(*after, *before);
  write("own.pem", "half a file");
  credentials.distrust();
  EXPECT_EQ(*credentials.tls(), *after) << "what was good goes on";
  EXPECT_FALSE(Credentials({.server = "https://x", .ca = {folder_ + "/absent", ""}}).tls().ok());
}

}  // namespace
}  // namespace remora::kubernetes
