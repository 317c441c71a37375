#include "translate/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <limits>
#include <utility>

#include "translate/values.h"

namespace remora::xds {
namespace {

namespace core = envoy::config::core::v3;

SocketOption::State to_state(core::SocketOption::SocketState state) {
  switch (state) {
    case core::SocketOption::STATE_BOUND: return SocketOption::State::kBound;
    case core::SocketOption::STATE_LISTENING: return SocketOption::State::kListening;
    default: return SocketOption::State::kPrebind;
  }
}

/// Standing at the option.
SocketOption to_option(const core::SocketOption& source, Context& context) {
  SocketOption out{source.level(), source.name(), source.buf_value(), to_state(source.state())};
  const auto fits_int = [](int64_t value) {
    return value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max();
  };
  for (const auto& [field, value] :
       {std::pair{"level", source.level()}, {"name", source.name()}, {"int_value", source.int_value()}}) {
    if (!fits_int(value)) context.error(field, std::to_string(value) + " does not fit in an int");
  }
  if (source.has_int_value()) out.value = static_cast<int>(source.int_value());
  return out;
}

UpstreamBind::Source to_source(const core::SocketAddress& address, std::string_view field,
                               std::vector<SocketOption> options, Context& context) {
  core::Address whole;
  *whole.mutable_socket_address() = address;
  return {to_address(whole, field, context), std::move(options)};
}

/// Standing at the extra source.
UpstreamBind::Source to_extra(const core::ExtraSourceAddress& extra, const std::vector<SocketOption>& usual,
                              Context& context) {
  auto options = usual;
  if (extra.has_socket_options()) {
    const auto scope = context.in("socket_options");
    options = to_socket_options(extra.socket_options().socket_options(), "socket_options", context);
  }
  return to_source(extra.address(), "address", std::move(options), context);
}

}  // namespace

std::vector<SocketOption> to_socket_options(const ProtoSocketOptions& options, std::string_view field,
                                            Context& context) {
  std::vector<SocketOption> out;
  for (int i = 0; i < options.size(); ++i) {
    const auto scope = context.in(field, i);
    out.push_back(to_option(options[i], context));
  }
  return out;
}

std::vector<SocketOption> to_keepalive_options(const envoy::config::core::v3::TcpKeepalive& keepalive) {
  std::vector<SocketOption> out{{SOL_SOCKET, SO_KEEPALIVE, 1}};
  const auto take = [&out](bool present, uint32_t value, int name) {
    if (present) out.push_back({IPPROTO_TCP, name, static_cast<int>(value)});
  };
  take(keepalive.has_keepalive_probes(), keepalive.keepalive_probes().value(), TCP_KEEPCNT);
  take(keepalive.has_keepalive_time(), keepalive.keepalive_time().value(), TCP_KEEPIDLE);
  take(keepalive.has_keepalive_interval(), keepalive.keepalive_interval().value(), TCP_KEEPINTVL);
  return out;
}

std::shared_ptr<const UpstreamBind> to_upstream_bind(const core::BindConfig& bind, Context& context) {
  auto out = std::make_shared<UpstreamBind>();
  out->freebind = bind.freebind().value();
  auto options = to_socket_options(bind.socket_options(), "socket_options", context);
  if (bind.extra_source_addresses_size() > 0 && !bind.has_source_address())
    context.error("extra_source_addresses", "needs a source_address");
  if (bind.extra_source_addresses_size() > 1)
    context.error("extra_source_addresses", "can only hold one: for the other family of addresses");
  if (bind.has_source_address()) {
    out->sources.push_back(to_source(bind.source_address(), "source_address", options, context));
  } else {
    out->sources.push_back({{}, options});
  }
  for (int i = 0; i < bind.extra_source_addresses_size(); ++i) {
    const auto scope = context.in("extra_source_addresses", i);
    out->sources.push_back(to_extra(bind.extra_source_addresses(i), options, context));
    if (out->sources.back().address.family() == out->sources.front().address.family())
      context.error("address", "is of the same family as source_address");
  }
  if (*out == UpstreamBind{{{}}, false}) return nullptr;
  return out;
}

}  // namespace remora::xds
