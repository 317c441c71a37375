#include "identity/join_tokens.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace remora::identity {
namespace {

class JoinTokensTest : public testing::Test {
 protected:
  ~JoinTokensTest() override { std::filesystem::remove(path_); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("remora-tokens-" + std::to_string(::getpid()));
  const JoinTokens tokens_{path_};
};

TEST_F(JoinTokensTest, ATokenIsForOneWorkloadOrForAll) {
  write("# shared\n0123456789abcdef\n\nfedcba9876543210  shop/cart\n");
  EXPECT_TRUE(tokens_.check().ok());
  EXPECT_TRUE(tokens_.find("0123456789abcdef")->anybody);
  const auto one = tokens_.find("fedcba9876543210");
  ASSERT_TRUE(one.ok());
  EXPECT_FALSE(one->anybody);
  EXPECT_EQ(one->ns + '/' + one->service_account, "shop/cart");
}

TEST_F(JoinTokensTest, WhatNoLineHasIsNothing) {
  write("0123456789abcdef\n");
  for (const char* token : {"", "#", "0123456789abcde", "0123456789abcdef0"}) {
    EXPECT_FALSE(tokens_.find(token).ok()) << token;
  }
}

TEST_F(JoinTokensTest, ATokenThatIsTakenAwayCountsNoLonger) {
  write("0123456789abcdef\n");
  ASSERT_TRUE(tokens_.find("0123456789abcdef").ok());
  write("");
  EXPECT_FALSE(tokens_.find("0123456789abcdef").ok());
}

TEST_F(JoinTokensTest, FaultsNameTheLineAndNotTheToken) {
  for (const char* line : {"short", "0123456789abcdef shop", "0123456789abcdef shop/cart more",
                           "0123456789abcdef shop/", "0123456789abcdef a/b/c"}) {
    write("\n" + std::string(line) + "\n");
    const auto checked = tokens_.check();
    ASSERT_FALSE(checked.ok()) << line;
    EXPECT_NE(checked.error().message.find(path_ + ":2: "), std::string::npos) << checked.error().message;
    EXPECT_EQ(checked.error().message.find("0123456789abcdef"), std::string::npos);
  }
}

TEST_F(JoinTokensTest, NewTokensDiffer) {
  EXPECT_EQ(make_token().size(), 64U);
  EXPECT_NE(make_token(), make_token());
}

}  // namespace
}  // namespace remora::identity
