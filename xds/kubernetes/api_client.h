#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::kubernetes {

/// One request to a Kubernetes API server.
struct ApiCall {
  std::string method = "GET";
  std::string path;  ///< with its query: "/api/v1/pods?limit=500"
  std::string body;
  /// Of the body; for a PATCH it says which kind of patch it is ("application/merge-patch+json", ...).
  std::string content_type = "application/json";
};

struct ApiAnswer {
  unsigned status = 0;  ///< HTTP's
  std::string body;     ///< an object, or Kubernetes' Status

  bool ok() const { return status >= 200 && status < 300; }
};

/// Stands in the error of an answer that is larger than the client takes.
inline constexpr const char* kAnswerTooLarge = "the answer is larger than";

/// Talks to one API server, as one user. Nothing is tried again here: what to do about a refusal or a lost
/// connection is for the caller to know. Control thread only.
class ApiClient {
 public:
  virtual ~ApiClient() = default;

  /// Calls back once, never from within call(): with the server's answer whatever its status, or with an
  /// error that names the server and says why there is no answer. Dropping the handle, which is never null,
  /// gives the call up without a callback; what was asked for may have happened all the same.
  using Answered = std::function<void(Result<ApiAnswer>)>;
  virtual std::shared_ptr<void> call(ApiCall call, Answered done) = 0;

  /// A GET whose answer does not end: `on_line` with an empty line when the server has agreed, then for each
  /// line (of a watch: one event), `ended` once, with the server's answer if it refused, with a status of 200
  /// and no body if it closed a stream that had begun, or with an error. Dropping the handle ends it without
  /// a callback.
  using OnLine = std::function<void(std::string_view line)>;
  virtual std::shared_ptr<void> stream(std::string path, OnLine on_line, Answered ended) = 0;
};

}  // namespace remora::kubernetes
