#include "web/guard.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace remora::web {
namespace {

using boost::beast::http::field;

class GuardTest : public testing::Test {
 protected:
  GuardTest() : file_(testing::TempDir() + "/tokens-" + std::to_string(::getpid())) {}
  ~GuardTest() override { std::filesystem::remove(file_); }

  void write(const std::string& text) {
    std::ofstream(file_) << text;
    // Two writes within the clock's tick must still differ.
    std::filesystem::last_write_time(
        file_, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(++writes_));
  }
  Guard with_tokens(const std::string& text) {
    write(text);
    auto guard = Guard::make({.token_file = file_}, false);
    EXPECT_TRUE(guard.ok());
    return *guard;
  }
  static unsigned status(Guard& guard, std::initializer_list<std::pair<field, std::string>> headers,
                         bool certified = false) {
    Headers fields;
    for (const auto& [name, value] : headers) fields.set(name, value);
    const auto refused = guard.refuse(fields, certified);
    return refused ? refused->status : 200;
  }

  std::string file_;
  int writes_ = 0;
};

TEST_F(GuardTest, NothingIsOpenByDefaultBeyondLoopback) {
  EXPECT_TRUE(Guard::make({}, true).ok());
  EXPECT_FALSE(Guard::make({}, false).ok());
  EXPECT_FALSE(Guard::make({.certificate_file = "c", .private_key_file = "k"}, false).ok());
  EXPECT_TRUE(Guard::make({.client_ca_file = "ca"}, false).ok());
}

TEST_F(GuardTest, ATokenFileMustHoldATokenAtStart) {
  EXPECT_FALSE(Guard::make({.token_file = file_ + "-missing"}, true).ok());
  write("\n# none yet\n");
  EXPECT_FALSE(Guard::make({.token_file = file_}, true).ok());
}

TEST_F(GuardTest, TokensLetIn) {
  Guard guard = with_tokens("# ours\nfirst-token\n  second-token  \n");
  EXPECT_EQ(status(guard, {}), 401u);
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer first-token"}}), 200u);
  EXPECT_EQ(status(guard, {{field::authorization, "bearer second-token"}}), 200u);
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer first"}}), 401u);
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer "}}), 401u);
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer # ours"}}), 401u);
  EXPECT_EQ(status(guard, {{field::authorization, "Basic YW55Ym9keTpzZWNvbmQtdG9rZW4="}}),
            200u);  // anybody:second-token
  EXPECT_EQ(status(guard, {{field::authorization, "Basic YW55Ym9keQ=="}}), 401u);
  for (const char* odd :
       {"Basic YQ", "Basic YWI6", "Basic YWI6Y2", "Basic A", "Basic ====", "Basic \xff\xfe"}) {
    EXPECT_EQ(status(guard, {{field::authorization, odd}}), 401u) << odd;
  }
  EXPECT_EQ(status(guard, {}, true), 200u) << "a client certificate is as good";
}

TEST_F(GuardTest, ChangedTokensCountAtOnce) {
  Guard guard = with_tokens("old\n");
  write("new\n");
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer new"}}), 200u);
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer old"}}), 401u);
  write("");
  EXPECT_EQ(status(guard, {{field::authorization, "Bearer new"}}), 200u)
      << "an emptied file locks nobody out";
}

TEST_F(GuardTest, WithoutCredentialsOnlyLoopbackNamesCount) {
  auto guard = *Guard::make({}, true);
  EXPECT_EQ(status(guard, {{field::host, "127.0.0.1:15080"}}), 200u);
  EXPECT_EQ(status(guard, {{field::host, "rebound.example:15080"}}), 403u);
  EXPECT_EQ(status(guard, {}), 403u);
}

TEST_F(GuardTest, PagesOfOtherSitesAreRefused) {
  auto open = *Guard::make({}, true);
  EXPECT_EQ(status(open, {{field::host, "localhost:1"}, {field::origin, "http://localhost:1"}}), 200u);
  EXPECT_EQ(status(open, {{field::host, "localhost:1"}, {field::origin, "http://localhost:2"}}), 403u);
  EXPECT_EQ(status(open, {{field::host, "localhost:1"}, {field::origin, "https://evil.example"}}), 403u);
  EXPECT_EQ(status(open, {{field::host, "localhost:1"}, {field::origin, "null"}}), 403u);
  Guard guarded = with_tokens("t\n");
  EXPECT_EQ(status(guarded, {{field::host, "mesh:1"}, {field::origin, "https://evil.example"}}, true), 403u)
      << "a browser shows its certificate to whoever asks";
}

}  // namespace
}  // namespace remora::web
