#include "istio/text/scalar.h"

#include <gtest/gtest.h>

namespace remora::istio {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsIstiosForms) {
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("10us"), 10us);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "5", "-1s", "1 s", "1s ", "1d", "1.5.1s", "1e3s", "999999999h", "ms"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(PlainScalar, IsTypedAsKubernetesTypesIt) {
  using Type = Value::Type;
  EXPECT_EQ(plain_scalar_type("v1"), Type::kString);
  EXPECT_EQ(plain_scalar_type("1.2.3"), Type::kString);
  EXPECT_EQ(plain_scalar_type("90"), Type::kNumber);
  EXPECT_EQ(plain_scalar_type("-0.5"), Type::kNumber);
  EXPECT_EQ(plain_scalar_type("0x1F"), Type::kNumber);
  EXPECT_EQ(plain_scalar_type("1e3"), Type::kNumber);
  EXPECT_EQ(plain_scalar_type("inf"), Type::kString);
  EXPECT_EQ(plain_scalar_type("true"), Type::kBool);
  EXPECT_EQ(plain_scalar_type("off"), Type::kBool);
  EXPECT_EQ(plain_scalar_type("~"), Type::kNull);
}

TEST(Integer, IsWholeAndFits) {
  EXPECT_EQ(parse_integer("42"), 42);
  EXPECT_EQ(parse_integer("-3"), -3);
  EXPECT_EQ(parse_integer("0x10"), 16);
  for (const char* text : {"", "1.0", "1e3", "4 ", "99999999999999999999"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

TEST(JsonString, EscapesWhatJsonMustEscape) {
  std::string out;
  append_json_string("a\"b\\c\n\x01ü", out);
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\u000a\\u0001ü\"");
}

TEST(IpAddress, KnowsBothFamilies) {
  EXPECT_TRUE(is_ip_address("127.0.0.1"));
  EXPECT_TRUE(is_ip_address("::1"));
  EXPECT_FALSE(is_ip_address("127.0.0.1/8"));
  EXPECT_FALSE(is_ip_address("example.test"));
}

}  // namespace
}  // namespace remora::istio
