#pragma once

#include <boost/json/fwd.hpp>
#include <memory>
#include <string>
#include <vector>

#include "kube/accept.h"
#include "kube/refusal.h"
#include "kube/target.h"
#include "store/object_store.h"
#include "web/http_server.h"

namespace remora::kube {

/// One request on its way through the API, with where its answer goes.
class Call {
 public:
  Call(web::Request request, web::ResponderPtr responder)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        target(parse_target(request_.path())) {}

  const web::Request& request() const { return request_; }
  const web::ResponderPtr& responder() const { return responder_; }
  std::string header(std::string_view name) const;
  std::string query(std::string_view name) const { return request_.query(name); }
  bool flag(std::string_view name) const;  ///< a query parameter that is there, and not "false" or "0"
  bool is_read() const { return request_.method == web::Verb::get || request_.method == web::Verb::head; }
  bool dry_run() const { return query("dryRun") == "All"; }

  /// Told to the client beside the answer, in Warning headers.
  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  void answer(unsigned status, const boost::json::object& body);
  void answer_text(unsigned status, std::string text);
  /// A Kubernetes Status of kind Failure.
  void refuse(const Refusal& refusal);
  /// The head of a stream of watch events.
  web::Response stream_head() const;

 private:
  web::Headers warning_headers() const;

  web::Request request_;
  web::ResponderPtr responder_;
  std::vector<std::string> warnings_;

 public:
  Target target;  ///< a creation gets its object's name later than its path
  Accept accept;
};

using CallPtr = std::shared_ptr<Call>;

}  // namespace remora::kube
