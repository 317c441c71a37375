#include "control_plane/api_front.h"

#include "control_plane/version.h"

namespace remora::xds {
namespace {

web::Access access_of(const Options& options) {
  web::Access access;
  access.token_file = options.token_file;
  access.certificate_file = options.certificate_file;
  access.private_key_file = options.private_key_file;
  access.client_ca_file = options.client_ca_file;
  return access;
}

}  // namespace

ApiFront::ApiFront(boost::asio::io_context& context, const Options& options, store::ObjectStore& store,
                   page::Sources sources)
    : page_(context, std::move(sources)),
      api_(context, store, kVersion),
      server_(
          context,
          [this](web::Request request, web::ResponderPtr responder) {
            if (!page_.handle(request, responder)) api_.handle(std::move(request), std::move(responder));
          },
          access_of(options)) {}

void ApiFront::close() {
  page_.close();
  server_.close();
}

}  // namespace remora::xds
