#include "listener/filter_run.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "listener/inspect.h"
#include "net/socket_options.h"
#include "stats/listener_filter_stats.h"

namespace remora {
namespace {

// IP6T_SO_ORIGINAL_DST; its header cannot be included beside netinet/in.h.
constexpr int kOriginalDestinationV6 = 80;
constexpr std::string_view kTlvNamespace = "envoy.filters.listener.proxy_protocol";

/// Metadata is text: bytes outside ASCII's printable part become '!', as Envoy's sanitised UTF-8 does for
/// what is no UTF-8.
std::string printable(std::string_view value) {
  std::string text(value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '!');
  return text;
}

std::shared_ptr<Metadata> tlv_metadata(const ListenerFilter& filter, const ProxyHeader& header) {
  std::shared_ptr<Metadata> metadata;
  for (const auto& [type, value] : header.tlvs) {
    for (const auto& [wanted, place] : filter.tlv_rules) {
      if (wanted != type) continue;
      if (!metadata) metadata = std::make_shared<Metadata>();
      const auto space = place.first.empty() ? std::string(kTlvNamespace) : place.first;
      auto& object = metadata->filters[space].value;
      if (!std::holds_alternative<MetadataValue::Object>(object)) object = MetadataValue::Object();
      std::get<MetadataValue::Object>(object)[place.second].value = printable(value);
    }
  }
  return metadata;
}

}  // namespace

ListenerFilterRun::Step ListenerFilterRun::advance(std::string_view bytes) {
  while (next_ < config_.listener_filters.size()) {
    const auto& filter = config_.listener_filters[next_];
    const auto step = disabled(filter) ? Step::kDone : run(filter, bytes);
    if (step == Step::kMore || step == Step::kRefuse) return step;
    ++next_;
    if (step == Step::kConsume) return step;
  }
  return Step::kDone;
}

ListenerFilterRun::Step ListenerFilterRun::run(const ListenerFilter& filter, std::string_view bytes) {
  switch (filter.kind) {
    case ListenerFilter::Kind::kTlsInspector: return inspect_tls(bytes);
    case ListenerFilter::Kind::kHttpInspector: return inspect_http(bytes);
    case ListenerFilter::Kind::kProxyProtocol: return read_proxy_header(filter, bytes);
    case ListenerFilter::Kind::kOriginalDst: restore_destination(); break;
    case ListenerFilter::Kind::kOriginalSrc: keep_source(filter); break;
  }
  return Step::kDone;
}

bool ListenerFilterRun::disabled(const ListenerFilter& filter) const {
  const uint32_t port = socket_.local.is_ip() ? socket_.local.port() : 0;
  return std::any_of(filter.disabled_ports.begin(), filter.disabled_ports.end(),
                     [port](const auto& range) { return port >= range.first && port < range.second; });
}

ListenerFilterRun::Step ListenerFilterRun::inspect_tls(std::string_view bytes) {
  TlsOffer offer;
  auto& stats = stats_.tls->block(shard_);
  switch (inspect_client_hello(bytes, offer)) {
    case Inspection::kMore: return Step::kMore;
    case Inspection::kTooLarge: stats.add(kClientHelloTooLarge); return Step::kRefuse;
    case Inspection::kNotFound: stats.add(kTlsNotFound); return Step::kDone;
    case Inspection::kFound: break;
  }
  stats.add(kTlsFound);
  stats.add(offer.server_name.empty() ? kSniNotFound : kSniFound);
  stats.add(offer.protocols.empty() ? kAlpnNotFound : kAlpnFound);
  socket_.transport_protocol = kTls;
  socket_.server_name = std::move(offer.server_name);
  socket_.application_protocols = std::move(offer.protocols);
  return Step::kDone;
}

ListenerFilterRun::Step ListenerFilterRun::inspect_http(std::string_view bytes) {
  if (socket_.transport_protocol != kRawBuffer) return Step::kDone;
  auto version = HttpVersion::kHttp11;
  auto& stats = stats_.http->block(shard_);
  switch (remora::inspect_http(bytes, version)) {
    case Inspection::kMore: return Step::kMore;
    case Inspection::kTooLarge: stats.add(kInspectorReadError); return Step::kRefuse;
    case Inspection::kNotFound: stats.add(kHttpNotFound); return Step::kDone;
    case Inspection::kFound: break;
  }
  switch (version) {
    case HttpVersion::kHttp10:
      stats.add(kHttp10Found);
      socket_.application_protocols = {"http/1.0"};
      break;
    case HttpVersion::kHttp11:
      stats.add(kHttp11Found);
      socket_.application_protocols = {"http/1.1"};
      break;
    case HttpVersion::kHttp2:
      stats.add(kHttp2Found);
      socket_.application_protocols = {"h2c"};
      break;
  }
  return Step::kDone;
}

ListenerFilterRun::Step ListenerFilterRun::read_proxy_header(const ListenerFilter& filter,
                                                             std::string_view bytes) {
  ProxyHeader header;
  const auto found = inspect_proxy_header(bytes, header);
  const bool v1 = header.version == ProxyHeader::Version::kV1;
  auto& stats = stats_.proxy->block(shard_);
  const bool unwanted =
      header.version != ProxyHeader::Version::kNone && (v1 ? filter.disallow_v1 : filter.disallow_v2);
  if (header.version == ProxyHeader::Version::kNone || unwanted) {
    if (found == Inspection::kMore && !unwanted) return Step::kMore;
    if (filter.allow_requests_without_proxy_protocol) {
      stats.add(kProxyNotFoundAllowed);
      return Step::kDone;
    }
    if (!unwanted) return refuse_proxy_header(kProxyNotFoundDisallowed);
    stats.add(v1 ? kProxyV1Found : kProxyV2Found);
    return refuse_proxy_header(v1 ? kProxyV1Disallowed : kProxyV2Disallowed);
  }
  if (found == Inspection::kMore) return Step::kMore;
  if (found != Inspection::kFound) return refuse_proxy_header(v1 ? kProxyV1Error : kProxyV2Error);
  stats.add(v1 ? kProxyV1Found : kProxyV2Found);
  if (header.has_addresses) {
    socket_.remote = header.source;
    socket_.restored = socket_.restored || !(header.destination == socket_.local);
    socket_.local = header.destination;
    socket_.metadata = tlv_metadata(filter, header);
  }
  consumed_ = header.length;
  return Step::kConsume;
}

ListenerFilterRun::Step ListenerFilterRun::refuse_proxy_header(size_t stat) {
  stats_.proxy->block(shard_).add(stat);
  return Step::kRefuse;
}

/// Where the client wanted to go before the kernel's rules sent it here. Where these changed nothing, nothing
/// is restored: an original destination that is our own address would lead back to us for ever.
void ListenerFilterRun::restore_destination() {
  if (!socket_.local.is_ip()) return;
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  const bool v6 = socket_.local.family() == AF_INET6;
  const int got = v6 ? getsockopt(socket_.fd, IPPROTO_IPV6, kOriginalDestinationV6, &storage, &length)
                     : getsockopt(socket_.fd, IPPROTO_IP, SO_ORIGINAL_DST, &storage, &length);
  if (got == 0) {
    auto original = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
    if (!(original == socket_.local)) {
      socket_.restored = true;
      socket_.local = std::move(original);
      return;
    }
  }
  // TPROXY delivers a connection as it was sent.
  if (is_transparent(socket_.fd, socket_.local.family())) socket_.restored = !is_own_address(socket_.local);
}

bool ListenerFilterRun::is_own_address(const Address& address) const {
  const auto is = [&address](const Address& own) {
    if (!own.is_ip() || own.port() != address.port() || own.family() != address.family()) return false;
    auto any = *Address::ip(own.family() == AF_INET ? "0.0.0.0" : "::", own.port());
    return own == any || own == address;
  };
  return is(config_.address) ||
         std::any_of(config_.additional_addresses.begin(), config_.additional_addresses.end(), is);
}

/// Connections to upstreams are to come from where this one does.
void ListenerFilterRun::keep_source(const ListenerFilter& filter) {
  if (!socket_.speaks_for().is_ip()) return;
  socket_.source = {socket_.speaks_for(), filter.mark};
  if (!filter.bind_port) socket_.source.address.set_port(0);
}

}  // namespace remora
