#include "remora/core/failure.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace remora {
namespace {

std::string brief(ResponseFlags flags) {
  std::string out;
  flags.append_short(out);
  return out;
}

TEST(ResponseFlags, EachHasEnvoysNames) {
  const std::pair<ResponseFlag, std::pair<const char*, const char*>> cases[] = {
      {ResponseFlag::kFailedLocalHealthCheck, {"LH", "FailedLocalHealthCheck"}},
      {ResponseFlag::kNoHealthyUpstream, {"UH", "NoHealthyUpstream"}},
      {ResponseFlag::kUpstreamRequestTimeout, {"UT", "UpstreamRequestTimeout"}},
      {ResponseFlag::kLocalReset, {"LR", "LocalReset"}},
      {ResponseFlag::kUpstreamRemoteReset, {"UR", "UpstreamRemoteReset"}},
      {ResponseFlag::kUpstreamConnectionFailure, {"UF", "UpstreamConnectionFailure"}},
      {ResponseFlag::kUpstreamConnectionTermination, {"UC", "UpstreamConnectionTermination"}},
      {ResponseFlag::kUpstreamOverflow, {"UO", "UpstreamOverflow"}},
      {ResponseFlag::kNoRouteFound, {"NR", "NoRouteFound"}},
      {ResponseFlag::kDelayInjected, {"DI", "DelayInjected"}},
      {ResponseFlag::kFaultInjected, {"FI", "FaultInjected"}},
      {ResponseFlag::kRateLimited, {"RL", "RateLimited"}},
      {ResponseFlag::kUnauthorizedExternalService, {"UAEX", "UnauthorizedExternalService"}},
      {ResponseFlag::kDownstreamConnectionTermination, {"DC", "DownstreamConnectionTermination"}},
      {ResponseFlag::kUpstreamRetryLimitExceeded, {"URX", "UpstreamRetryLimitExceeded"}},
      {ResponseFlag::kStreamIdleTimeout, {"SI", "StreamIdleTimeout"}},
      {ResponseFlag::kInvalidEnvoyRequestHeaders, {"IH", "InvalidEnvoyRequestHeaders"}},
      {ResponseFlag::kDownstreamProtocolError, {"DPE", "DownstreamProtocolError"}},
      {ResponseFlag::kUpstreamMaxStreamDurationReached, {"UMSDR", "UpstreamMaxStreamDurationReached"}},
      {ResponseFlag::kNoClusterFound, {"NC", "NoClusterFound"}},
      {ResponseFlag::kOverloadManager, {"OM", "OverloadManagerTerminated"}},
      {ResponseFlag::kDurationTimeout, {"DT", "DurationTimeout"}},
      {ResponseFlag::kUpstreamProtocolError, {"UPE", "UpstreamProtocolError"}},
      {ResponseFlag::kDownstreamRemoteReset, {"DR", "DownstreamRemoteReset"}},
      {ResponseFlag::kNoFilterConfigFound, {"NFCF", "NoFilterConfigFound"}},
      {ResponseFlag::kDropOverload, {"DO", "DropOverload"}},
      {ResponseFlag::kUnconditionalDropOverload, {"UDO", "UnconditionalDropOverload"}},
  };
  for (const auto& [flag, names] : cases) {
    ResponseFlags flags;
    flags.set(flag);
    std::string full;
    flags.append_long(full);
    EXPECT_EQ(brief(flags), names.first);
    EXPECT_EQ(full, names.second);
  }
}

TEST(ResponseFlags, AreWrittenInTheOrderTheyCame) {
  ResponseFlags flags;
  EXPECT_EQ(brief(flags), "-");
  flags.set(ResponseFlag::kNone);
  EXPECT_TRUE(flags.empty());
  flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  flags.set(ResponseFlag::kUpstreamConnectionTermination);
  flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  flags.set(ResponseFlag::kFailedLocalHealthCheck);
  EXPECT_EQ(brief(flags), "URX,UC,LH");
  EXPECT_TRUE(flags.has(ResponseFlag::kUpstreamConnectionTermination));
  EXPECT_FALSE(flags.has(ResponseFlag::kUpstreamOverflow));
  flags.clear();
  flags.set(ResponseFlag::kDownstreamRemoteReset);
  EXPECT_EQ(brief(flags), "DR");
}

TEST(ResponseFlags, MoreThanCanBeShownAreStillInTheSet) {
  ResponseFlags flags;
  for (int bit = 0; bit < 25; ++bit) flags.set(static_cast<ResponseFlag>(1u << bit));
  EXPECT_TRUE(flags.has(ResponseFlag::kDownstreamRemoteReset));
  EXPECT_EQ(brief(flags), "LH,UH,UT,LR,UR,UF,UC,UO,NR,DI,FI,RL");
}

/// What Envoy 1.40 answered and logged when it was brought into each of these situations.
TEST(FailureInfo, IsWhatEnvoyAnswersAndLogs) {
  struct Case {
    Failure failure;
    uint16_t status;
    const char* flag;
    const char* details;
    const char* body;
  };
  const std::string reset = "upstream connect error or disconnect/reset before headers. reset reason: ";
  const Case cases[] = {
      {Failure::kConnectionTermination, 503, "UC",
       "upstream_reset_before_response_started{connection_termination}", "connection termination"},
      {Failure::kUpstreamProtocolError, 502, "UPE", "upstream_reset_before_response_started{protocol_error}",
       "protocol error"},
      {Failure::kUpstreamHeadersTooLarge, 502, "UPE",
       "upstream_reset_before_response_started{protocol_error}", "protocol error"},
      {Failure::kConnectFailure, 503, "UF",
       "upstream_reset_before_response_started{remote_connection_failure}", "remote connection failure"},
      {Failure::kOverflow, 503, "UO", "upstream_reset_before_response_started{overflow}", "overflow"},
  };
  for (const auto& [failure, status, flag, details, reason] : cases) {
    const FailureInfo& info = failure_info(failure);
    ResponseFlags flags;
    flags.set(info.flag);
    EXPECT_EQ(info.status, status) << details;
    EXPECT_EQ(brief(flags), flag) << details;
    EXPECT_EQ(info.details, details);
    EXPECT_EQ(info.reason, reason);
    EXPECT_EQ(info.body, reset + reason);
  }
  EXPECT_EQ(failure_info(Failure::kNoHealthyUpstream).body, "no healthy upstream");
  EXPECT_EQ(failure_info(Failure::kNoHealthyUpstream).details, "no_healthy_upstream");
  EXPECT_EQ(failure_info(Failure::kUpstreamTimeout).body, "upstream request timeout");
  EXPECT_EQ(failure_info(Failure::kUpstreamTimeout).details, "response_timeout");
  EXPECT_EQ(failure_info(Failure::kPerTryTimeout).details, "upstream_per_try_timeout");
  EXPECT_EQ(failure_info(Failure::kNoCluster).details, "cluster_not_found");
  EXPECT_EQ(failure_info(Failure::kNoRoute).status, 404);
  EXPECT_EQ(failure_info(Failure::kRequestTimeout).body, "request timeout");
  EXPECT_EQ(failure_info(Failure::kDownstreamDisconnect).status, 0);
  EXPECT_EQ(failure_info(Failure::kDownstreamProtocolError).details, "http1.codec_error");
}

TEST(FailureInfo, OnlyFaultsOfTheHostAreChargedToIt) {
  for (size_t i = 0; i <= static_cast<size_t>(Failure::kLocalReset); ++i) {
    const auto failure = static_cast<Failure>(i);
    const bool charged = failure >= Failure::kConnectFailure && failure <= Failure::kUpstreamHeadersTooLarge;
    const bool timed_out = failure == Failure::kUpstreamTimeout || failure == Failure::kPerTryTimeout ||
                           failure == Failure::kPerTryIdleTimeout;
    EXPECT_EQ(failure_info(failure).upstream, charged || timed_out) << i;
  }
}

TEST(FailureStatus, DownstreamTimeoutsDependOnTheRequestsEnd) {
  for (const Failure failure :
       {Failure::kStreamIdleTimeout, Failure::kRequestTimeout, Failure::kMaxStreamDuration}) {
    EXPECT_EQ(failure_status(failure, false), 408);
    EXPECT_EQ(failure_status(failure, true), 504);
  }
  EXPECT_EQ(failure_status(Failure::kUpstreamTimeout, false), 504);
  EXPECT_EQ(failure_status(Failure::kNoRoute, true), 404);
}

TEST(FailureText, SaysWhatTheTransportSaid) {
  const auto details = [](Failure failure, bool begun, std::string_view transport) {
    std::string out;
    append_failure_details(failure, begun, transport, out);
    return out;
  };
  EXPECT_EQ(details(Failure::kConnectFailure, false, "delayed connect error: Connection refused"),
            "upstream_reset_before_response_started{remote_connection_failure|"
            "delayed_connect_error:_Connection_refused}");
  EXPECT_EQ(details(Failure::kConnectionTermination, false, ""),
            "upstream_reset_before_response_started{connection_termination}");
  EXPECT_EQ(details(Failure::kUpstreamProtocolError, true, ""),
            "upstream_reset_after_response_started{protocol_error}");
  EXPECT_EQ(details(Failure::kUpstreamTimeout, true, "x"), "response_timeout");
}

TEST(FailureText, SaysWhenItWasRetried) {
  const auto body = [](Failure failure, bool retried) {
    std::string out;
    append_failure_body(failure, retried, out);
    return out;
  };
  EXPECT_EQ(body(Failure::kConnectionTermination, true),
            "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
            "connection termination");
  EXPECT_EQ(
      body(Failure::kConnectionTermination, false),
      "upstream connect error or disconnect/reset before headers. reset reason: connection termination");
  EXPECT_EQ(body(Failure::kNoHealthyUpstream, true), "no healthy upstream");
}

}  // namespace
}  // namespace remora
