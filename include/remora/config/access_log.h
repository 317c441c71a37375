#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/matchers.h"
#include "remora/core/format.h"

namespace remora {

/// Which exchanges a log records. Source: envoy.config.accesslog.v3.AccessLogFilter.
struct AccessLogFilter {
  enum class Kind : uint8_t {
    kStatusCode,
    kDuration,
    kNotHealthCheck,
    kResponseFlag,
    kHeader,
    kRuntime,
    kGrpcStatus,
    kMetadata,
    kLogType,
    kAnd,
    kOr
  };
  enum class Op : uint8_t { kEqual, kGreaterOrEqual, kLessOrEqual, kNotEqual };
  Kind kind = Kind::kStatusCode;
  Op op = Op::kEqual;
  uint64_t value = 0;
  std::vector<std::string> flags;  // kResponseFlag: short names; empty: any flag
  HeaderMatcher header;
  RuntimeFraction fraction;
  std::vector<int16_t> grpc_statuses;  // kGrpcStatus
  std::vector<AccessLogType> types;    // kLogType
  bool exclude = false;                // of both: all but these
  MetadataMatcher metadata;            // kMetadata, of the dynamic metadata; keys that are not there:
  bool match_if_key_not_found = true;
  std::vector<AccessLogFilter> children;

  [[nodiscard]] bool matches(const ExchangeInfo& info, uint64_t random) const;
};

/// A JSON log's shape, compiled: fixed text and formats in turn.
struct JsonTemplate {
  struct Member {
    std::string key;
    Format value;                 // leaf when `members` is empty
    std::vector<Member> members;  // nested object
  };
  std::vector<Member> members;  // written in this order; Envoy's is by key, byte by byte
  bool omit_empty = false;      // members without a value are left out, not null
  void append(const ExchangeInfo& info, std::string& out) const;
};

/// One access log: where lines go and what they say. Immutable.
struct AccessLogConfig {
  enum class Sink : uint8_t { kFile, kStdout, kStderr };
  Sink sink = Sink::kStdout;
  std::string path;  // kFile
  bool json = false;
  Format text;                                    // !json
  JsonTemplate json_format;                       // json
  std::shared_ptr<const AccessLogFilter> filter;  // null: every exchange

  /// Appends what one finished exchange leaves in the log: a JSON object and '\n', or the text format, whose
  /// line end is its own. An operator without a value is "-" in a text and null in JSON.
  void append_line(const ExchangeInfo& info, std::string& out) const;
};

}  // namespace remora
