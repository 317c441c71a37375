// Metadata that holds a token from a file.
#include "client/call_metadata.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace remora::xds {
namespace {

class CallMetadataTest : public testing::Test {
 protected:
  ~CallMetadataTest() override { std::filesystem::remove(path_); }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::trunc) << text; }
  std::string value() const {
    const auto made = make_metadata({{"authorization", "Bearer %FILE_CONTENT(" + path_ + ")%"}});
    return made.empty() ? "nothing" : made.front().second;
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("remora-token-" + std::to_string(::getpid()));
};

TEST_F(CallMetadataTest, EachCallReadsTheFileAnew) {
  write("first\n");
  EXPECT_EQ(value(), "Bearer first");
  write("second");
  EXPECT_EQ(value(), "Bearer second");
}

TEST_F(CallMetadataTest, WhatCannotBeSentIsLeftOut) {
  EXPECT_EQ(value(), "nothing");
  for (const std::string& text : {std::string(), std::string("\n"), std::string("two\nlines"),
                                  std::string(20'000, 'x'), std::string("nul\0x", 5)}) {
    write(text);
    EXPECT_EQ(value(), "nothing");
  }
}

TEST_F(CallMetadataTest, PlainValuesStay) {
  EXPECT_EQ(make_metadata({{"a", "100%%"}, {"b", ""}}), (MetadataList{{"a", "100%"}, {"b", ""}}));
}

TEST_F(CallMetadataTest, OtherOperatorsAreRefused) {
  for (const char* value : {"%REQ(x)%", "50%", "%FILE_CONTENT()%", "%FILE_CONTENT(/a", "a%"}) {
    EXPECT_FALSE(check_metadata_value(value).ok()) << value;
  }
  EXPECT_FALSE(check_metadata_value("a\nb").ok());
  EXPECT_TRUE(check_metadata_value("Bearer %FILE_CONTENT(/var/run/secrets/tokens/istio-token)%").ok());
}

}  // namespace
}  // namespace remora::xds
