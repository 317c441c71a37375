#include "local_reply.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

struct LocalReplies : ::testing::Test {
  LocalReply reply(Failure failure) { return reply_for(failure, {}, false, true, details); }
  /// grpc-status and grpc-message of an answer to a gRPC request.
  std::pair<std::string, std::string> to_grpc(LocalReply answer) {
    request.add(HeaderId::kPath, "/a.B/C");
    request.set(HeaderId::kContentType, "application/grpc");
    EXPECT_EQ(render(answer), "");
    EXPECT_EQ(head.status(), 200);
    EXPECT_EQ(head.value_of(HeaderId::kContentType), "application/grpc");
    return {std::string(head.value_of(HeaderId::kGrpcStatus)),
            std::string(head.value_of(HeaderId::kGrpcMessage))};
  }
  std::string_view render(LocalReply& answer) {
    info.request = &request;
    return render_local_reply(answer, &rewrite, 0, info, head);
  }
  /// A mapper for answers of this status.
  LocalReplyMapper& map(uint16_t status) {
    LocalReplyMapper& mapper = rewrite.mappers.emplace_back();
    mapper.filter.value = status;
    return mapper;
  }
  static BodyFormat format(std::string_view text, std::string type) {
    return {.json = false,
            .text = std::move(*Format::parse(text)),
            .json_format = {},
            .content_type = std::move(type)};
  }
  LocalReplyConfig rewrite;
  ExchangeInfo info;
  std::string details;
  HeaderMap request;
  HeaderMap head;
};

using Answer = std::pair<std::string, std::string>;

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
  auto answer = reply(Failure::kUpstreamTimeout);
  EXPECT_EQ(render(answer), "upstream request timeout");
  EXPECT_EQ(head.status(), 504);
  EXPECT_EQ(head.value_of(HeaderId::kContentType), "text/plain");
  EXPECT_EQ(head.value_of(HeaderId::kContentLength), "24");
  EXPECT_FALSE(head.has(HeaderId::kGrpcStatus));
}

TEST_F(LocalReplies, TheFirstMapperThatTakesAnAnswerMakesAnotherOfIt) {
  map(500).status = 501;
  auto& mapper = map(504);
  mapper.status = 299;
  mapper.body = "gone";
  mapper.headers.add.push_back(
      {HeaderMutation::Action::kAppendOrAdd, "x-was", *Format::parse("%RESPONSE_CODE%"), false});
  map(504).status = 502;
  rewrite.body_format = format("<%LOCAL_REPLY_BODY%> %RESPONSE_CODE% %REQ(x-none)%", "text/x");
  auto answer = reply(Failure::kUpstreamTimeout);
  EXPECT_EQ(render(answer), "<gone> 299 -");
  EXPECT_EQ(head.status(), 299);
  EXPECT_EQ(head.get("x-was"), "504");
  EXPECT_EQ(head.value_of(HeaderId::kContentType), "text/x");
  EXPECT_EQ(head.value_of(HeaderId::kContentLength), "12");
  EXPECT_EQ(info.response_code, 299);
}

TEST_F(LocalReplies, AMapperMayHaveAFormatOfItsOwn) {
  rewrite.body_format = format("usual", "text/x");
  map(504).body_format = format("special", "text/y");
  auto answer = reply(Failure::kUpstreamTimeout);
  EXPECT_EQ(render(answer), "special");
  EXPECT_EQ(head.value_of(HeaderId::kContentType), "text/y");
  LocalReply other{.status = 404};
  EXPECT_EQ(render(other), "usual");
}

TEST_F(LocalReplies, AGrpcCallerGetsTheStatusThatTheMappedOneStandsFor) {
  map(504).status = 404;
  rewrite.body_format = format("[%LOCAL_REPLY_BODY%]", "text/x");
  EXPECT_EQ(to_grpc(reply(Failure::kUpstreamTimeout)), Answer("12", "[upstream request timeout]"));
}

TEST_F(LocalReplies, WhatSetsItsTypeKeepsItWithoutAFormat) {
  LocalReply answer{.status = 200, .body = "{}", .edit_head = [](HeaderMap& made) {
                      made.set(HeaderId::kContentType, "application/json");
                    }};
  EXPECT_EQ(render(answer), "{}");
  EXPECT_EQ(head.value_of(HeaderId::kContentType), "application/json");
}

}  // namespace
}  // namespace remora
