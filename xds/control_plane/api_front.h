#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "control_plane/options.h"
#include "kube/api_server.h"
#include "page/page.h"
#include "store/object_store.h"
#include "web/http_server.h"

namespace remora::xds {

/// What answers on --api-address: the page first, then the Kubernetes resource API. Control thread only.
class ApiFront {
 public:
  /// The store and what the page shows must outlive this.
  ApiFront(boost::asio::io_context& context, const Options& options, store::ObjectStore& store,
           page::Sources sources);

  Result<std::string> listen(const std::string& address) { return server_.listen(address); }
  void mesh_changed() { page_.mesh_changed(); }
  void close();

 private:
  page::Page page_;
  kube::ApiServer api_;
  web::HttpServer server_;
};

}  // namespace remora::xds
