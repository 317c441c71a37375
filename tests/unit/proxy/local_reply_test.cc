#include "local_reply.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

struct LocalReplies : ::testing::Test {
  LocalReply reply(Failure failure) { return reply_for(failure, {}, false, true, details); }
  /// grpc-status and grpc-message of an answer to a gRPC request.
  std::pair<std::string_view, std::string_view> to_grpc(const LocalReply& answer) {
    EXPECT_EQ(render_local_reply(answer, true, head), "");
    EXPECT_EQ(head.status(), 200);
    EXPECT_EQ(head.value_of(HeaderId::kContentType), "application/grpc");
    return {head.value_of(HeaderId::kGrpcStatus), head.value_of(HeaderId::kGrpcMessage)};
  }
  std::string details;
  HeaderMap head;
};

using Answer = std::pair<std::string_view, std::string_view>;

TEST_F(LocalReplies, GrpcStatusesFollowFromHttps) {
  const std::pair<uint16_t, std::string_view> table[] = {{400, "13"}, {401, "16"}, {403, "7"},  {404, "12"},
                                                         {429, "14"}, {502, "14"}, {503, "14"}, {504, "14"},
                                                         {408, "2"},  {413, "2"},  {500, "2"}};
  for (const auto& [status, expected] : table) {
    LocalReply answer;
    answer.status = status;
    EXPECT_EQ(to_grpc(answer).first, expected) << status;
  }
}

TEST_F(LocalReplies, AReplyMayNameItsGrpcStatus) {
  LocalReply answer;
  answer.status = 403;
  answer.grpc_status = 0;
  EXPECT_EQ(to_grpc(answer).first, "0");
}

TEST_F(LocalReplies, AStreamThatWasTooLongHasExceededItsDeadline) {
  EXPECT_EQ(to_grpc(reply(Failure::kMaxStreamDuration)), Answer("4", "downstream duration timeout"));
  EXPECT_EQ(to_grpc(reply(Failure::kUpstreamTimeout)), Answer("14", "upstream request timeout"));
  EXPECT_EQ(to_grpc(reply(Failure::kStreamIdleTimeout)), Answer("14", "stream timeout"));
}

TEST_F(LocalReplies, MessagesArePercentEncoded) {
  LocalReply answer;
  answer.status = 500;
  answer.body = "100 % \xc3\xa4\n";
  EXPECT_EQ(to_grpc(answer).second, "100 %25 %C3%A4%0A");
}

TEST_F(LocalReplies, OthersGetABodyInPlainText) {
  EXPECT_EQ(render_local_reply(reply(Failure::kUpstreamTimeout), false, head), "upstream request timeout");
  EXPECT_EQ(head.status(), 504);
  EXPECT_EQ(head.value_of(HeaderId::kContentType), "text/plain");
  EXPECT_EQ(head.value_of(HeaderId::kContentLength), "24");
  EXPECT_FALSE(head.has(HeaderId::kGrpcStatus));
}

}  // namespace
}  // namespace remora
