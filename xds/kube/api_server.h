#pragma once

#include <memory>
#include <string>

#include "web/http_server.h"

namespace boost::asio {
class io_context;
}

namespace remora::store {
class ObjectStore;
}

namespace remora::kube {

struct Api;

/// The Kubernetes resource API over a store: what kubectl, client-go and everything built on them speak.
/// Control thread only; everything handed in must outlive it.
class ApiServer {
 public:
  /// `build`: the version of this program, told under /version.
  ApiServer(boost::asio::io_context& context, store::ObjectStore& store, std::string build);
  ~ApiServer();

  /// A web::Handler.
  void handle(web::Request request, web::ResponderPtr responder);

 private:
  std::unique_ptr<Api> api_;
};

}  // namespace remora::kube
