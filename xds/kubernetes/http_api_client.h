#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "kubernetes/access.h"
#include "kubernetes/api_client.h"

namespace remora::kubernetes {

/// An ApiClient over HTTP/1.1: calls share at most 16 kept connections and wait for one in their order (at
/// most 8,192 of them: further ones are refused at once); each stream has a connection of its own. A call
/// ends within a minute, an answer is at most 64 MiB and a stream's line 16 MiB. The context must outlive the
/// client; at its end, all that is under way is given up without callbacks.
Result<std::unique_ptr<ApiClient>> make_api_client(boost::asio::io_context& context, Access access);

}  // namespace remora::kubernetes
