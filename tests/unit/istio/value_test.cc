#include "istio/text/value.h"

#include <gtest/gtest.h>

namespace remora::istio {
namespace {

std::vector<Value> documents(const std::string& text) {
  auto result = read_documents(text);
  EXPECT_EQ(result.index(), 0U) << text;
  return result.index() == 0 ? std::get<0>(result) : std::vector<Value>();
}

SyntaxError fault(const std::string& text) {
  auto result = read_documents(text);
  EXPECT_EQ(result.index(), 1U) << text;
  return result.index() == 1 ? std::get<1>(result) : SyntaxError();
}

TEST(Documents, AreSplitAndEmptyOnesLeftOut) {
  EXPECT_EQ(documents("a: 1\n---\n---\n# nothing\n---\nb: 2\n").size(), 2U);
  EXPECT_TRUE(documents("").empty());
}

TEST(Documents, KeepTheLinesOfTheirFile) {
  const auto docs = documents("a: 1\n---\nb:\n  c: x\n");
  EXPECT_EQ(docs[1].find("b")->find("c")->line, 4);
}

TEST(Documents, TakeJson) {
  const auto docs = documents("{\"a\": [1, \"2\", true, null], \"b\": {}}");
  ASSERT_EQ(docs.size(), 1U);
  EXPECT_EQ(to_json(docs[0]), R"({"a":[1,"2",true,null],"b":{}})");
}

TEST(Documents, QuotesMakeAStringOfAnything) {
  const auto docs = documents("a: \"1\"\nb: 'true'\nc: 1\n");
  EXPECT_EQ(docs[0].find("a")->type, Value::Type::kString);
  EXPECT_EQ(docs[0].find("b")->type, Value::Type::kString);
  EXPECT_EQ(docs[0].find("c")->type, Value::Type::kNumber);
}

TEST(Documents, RefuseAFieldGivenTwice) {
  const SyntaxError error = fault("a: 1\nb: 2\na: 3\n");
  EXPECT_EQ(error.line, 3);
  EXPECT_EQ(error.message, "field \"a\" is given twice");
}

TEST(Documents, SayWhereTheSyntaxBreaks) {
  const SyntaxError error = fault("a: 1\nb: [1, 2\n");
  EXPECT_GE(error.line, 2);
  EXPECT_EQ(error.message.rfind("not valid YAML: ", 0), 0U) << error.message;
}

TEST(Documents, RefuseDeepNesting) {
  EXPECT_NE(fault(std::string(100, '[') + std::string(100, ']')).message.find("deeper than 64"),
            std::string::npos);
}

TEST(Documents, RefuseAliasesThatMultiply) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 8; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j > 0 ? ", " : "") + previous;
    text += "]\n";
  }
  EXPECT_NE(fault(text).message.find("more than 1000000 values"), std::string::npos);
}

TEST(Json, IsTheSameForEqualValuesHoweverWritten) {
  EXPECT_EQ(to_json(documents("{a: [1, 0x10, 1.50], b: yes}")[0]),
            to_json(documents("a:\n- 1\n- 16\n- 1.5\nb: true\n")[0]));
}

}  // namespace
}  // namespace remora::istio
