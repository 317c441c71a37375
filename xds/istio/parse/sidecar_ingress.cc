#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

using At = IngressEndpoint::At;

/// `word`: the port's protocol, as it is written.
void read_ingress_port(Fields& fields, IngressListener& listener, std::string& word) {
  const bool given = fields.object("port", [&](Fields& port) {
    std::optional<uint16_t> number;
    if (!read_port(port, "number", number) && !port.has("number")) port.error("number", "is required");
    listener.port = number.value_or(0);
    port.string("name", listener.name);
    port.unsupported("targetPort", Severity::kWarning,
                     "has no effect: defaultEndpoint says where the port leads");
    listener.protocol = read_protocol(port, listener.name, listener.port);
    if (listener.protocol == Protocol::kOther) port.error("protocol", "is not carried");
    port.string("protocol", word);
  });
  if (!given && !fields.has("port")) fields.error("port", "is required");
}

/// "ADDRESS:PORT", where the address stands for one of the workload's own.
bool parse_address(std::string_view text, IngressEndpoint& endpoint) {
  static constexpr std::pair<std::string_view, At> kAddresses[] = {{"127.0.0.1", At::kLoopback4},
                                                                   {"[::1]", At::kLoopback6},
                                                                   {"0.0.0.0", At::kInstance},
                                                                   {"[::]", At::kInstance}};
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, port);
  if (read.ec != std::errc() || read.ptr != end || port == 0) return false;
  for (const auto& [address, at] : kAddresses) {
    if (text.substr(0, colon) != address) continue;
    endpoint.at = at;
    endpoint.port = port;
    return true;
  }
  return false;
}

void read_endpoint(Fields& fields, IngressEndpoint& endpoint) {
  constexpr std::string_view kSocket = "unix://";
  std::string text;
  if (!fields.string("defaultEndpoint", text) || text.empty()) return;
  if (text.starts_with(kSocket)) {
    endpoint.at = At::kSocket;
    endpoint.path = text.substr(kSocket.size());
    const bool good = endpoint.path.size() > 1 && (endpoint.path[0] == '/' || endpoint.path[0] == '@');
    if (!good) fields.error("defaultEndpoint", "\"" + text + "\" is no unix:///PATH and no unix://@NAME");
    return;
  }
  if (!parse_address(text, endpoint)) {
    fields.error("defaultEndpoint", "\"" + text +
                                        "\" is none of 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT "
                                        "(the workload's own address) and unix:///PATH");
  }
}

void read_bind(Fields& fields, IngressListener& listener) {
  listener.captured = read_captured(fields);
  if (!fields.string("bind", listener.bind) || is_ip_address(listener.bind)) return;
  fields.error("bind", "\"" + listener.bind + "\" is no IP address: other places are not implemented");
}

/// What Istio's sidecars do not take of a gateway's.
void check_server_tls(const Fields& fields, const ServerTls& tls) {
  using Mode = ServerTls::Mode;
  const bool own =
      tls.mode == Mode::kSimple || tls.mode == Mode::kMutual || tls.mode == Mode::kOptionalMutual;
  if (!own) fields.error("mode", "must be SIMPLE, MUTUAL or OPTIONAL_MUTUAL");
  if (!tls.subject_alt_names.empty()) fields.error("subjectAltNames", "has no place in a Sidecar");
  if (tls.https_redirect) fields.error("httpsRedirect", "has no place in a Sidecar");
  if (fields.has("credentialName")) fields.error("credentialName", "has no place in a Sidecar: name files");
}

/// TLS ends here, so that the port's protocol is what is inside: HTTP of HTTPS, bytes of TLS.
void read_ingress_tls(Fields& fields, const std::string& protocol, IngressListener& listener) {
  std::string word = protocol;
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const bool given = fields.object("tls", [&](Fields& item) {
    read_server_tls(item, listener.tls.emplace());
    check_server_tls(item, *listener.tls);
  });
  if (!given) return;
  if (word != "HTTPS" && word != "TLS") fields.error("tls", "is for ports whose protocol is HTTPS or TLS");
  listener.protocol = word == "HTTPS" ? Protocol::kHttp : Protocol::kTcp;
}

IngressListener read_listener(Fields& fields) {
  IngressListener listener;
  std::string protocol;
  read_ingress_port(fields, listener, protocol);
  read_bind(fields, listener);
  read_endpoint(fields, listener.endpoint);
  // Where a listener has an address of its own, nobody knows another place that the connection was going to.
  if (listener.own_socket() && listener.endpoint.at == At::kListener)
    fields.error("defaultEndpoint", "is required where connections are not captured");
  fields.object("connectionPool",
                [&](Fields& pool) { listener.connection_pool = read_connection_pool(pool); });
  read_ingress_tls(fields, protocol, listener);
  return listener;
}

}  // namespace

std::vector<IngressListener> read_ingress(Fields& spec) {
  std::vector<IngressListener> listeners;
  std::set<uint16_t> ports;
  spec.objects("ingress", [&](Fields& item) {
    listeners.push_back(read_listener(item));
    const uint16_t port = listeners.back().port;
    if (port != 0 && !ports.insert(port).second)
      item.error("port", "port " + std::to_string(port) + " is used twice");
  });
  return listeners;
}

}  // namespace remora::istio
