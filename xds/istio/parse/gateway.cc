#include <algorithm>
#include <cctype>
#include <set>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

using Mode = ServerTls::Mode;
using Protocol = GatewayServer::Protocol;

/// "HTTP", however it is written.
std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

void read_protocol(Fields& port, GatewayServer& server) {
  static const Words<Protocol> kProtocols{{"HTTP", Protocol::kHttp},   {"HTTP2", Protocol::kHttp2},
                                          {"GRPC", Protocol::kGrpc},   {"GRPC-WEB", Protocol::kGrpc},
                                          {"HTTPS", Protocol::kHttps}, {"TLS", Protocol::kTls},
                                          {"TCP", Protocol::kTcp}};
  std::string text;
  if (!port.string("protocol", text)) {
    if (!port.has("protocol")) port.error("protocol", "is required");
    return;
  }
  const auto known = std::find_if(kProtocols.begin(), kProtocols.end(),
                                  [&](const auto& word) { return word.first == upper_case(text); });
  if (known == kProtocols.end()) {
    port.error("protocol", "\"" + text + "\" is none of HTTP, HTTPS, HTTP2, GRPC, TLS and TCP");
  } else {
    server.protocol = known->second;
  }
}

void read_server_port(Fields& fields, GatewayServer& server) {
  const bool given = fields.object("port", [&](Fields& port) {
    std::optional<uint16_t> number;
    if (!read_port(port, "number", number) && !port.has("number")) port.error("number", "is required");
    server.port = number.value_or(0);
    port.string("name", server.name);
    if (server.name.empty()) port.error("name", "is required");
    read_protocol(port, server);
    port.unsupported("targetPort", Severity::kWarning, "has no effect: the Service of the gateway says it");
  });
  if (!given && !fields.has("port")) fields.error("port", "is required");
}

/// "HOST", or "NAMESPACE/HOST".
void read_host(const Fields& fields, const std::string& text, GatewayServer& server) {
  const size_t slash = text.find('/');
  const std::string ns = slash == std::string::npos ? "*" : text.substr(0, slash);
  const std::string host = slash == std::string::npos ? text : text.substr(slash + 1);
  const size_t star = host.find('*');
  const bool good = !host.empty() && host.find('/') == std::string::npos &&
                    (star == std::string::npos ||
                     (star == 0 && (host == "*" || host.starts_with("*.")) && host.rfind('*') == 0));
  if (!good || ns.empty() || ns == "~") {
    fields.error("hosts", "\"" + text + "\" is neither HOST nor NAMESPACE/HOST: a * may only be the whole " +
                              "first label");
    return;
  }
  server.hosts.emplace_back(ns, host);
}

void read_hosts(Fields& fields, GatewayServer& server) {
  std::vector<std::string> hosts;
  fields.strings("hosts", hosts);
  if (hosts.empty()) fields.error("hosts", "must name at least one host");
  std::set<std::string> known;
  for (const std::string& host : hosts) {
    read_host(fields, host, server);
    if (!known.insert(host).second) fields.error("hosts", "\"" + host + "\" stands there twice");
  }
}

void read_versions(Fields& fields, ServerTls& tls) {
  using Version = ServerTls::Version;
  static const Words<Version> kVersions{{"TLS_AUTO", Version::kAuto},
                                        {"TLSV1_0", Version::kTls10},
                                        {"TLSV1_1", Version::kTls11},
                                        {"TLSV1_2", Version::kTls12},
                                        {"TLSV1_3", Version::kTls13}};
  fields.word("minProtocolVersion", kVersions, tls.min_version);
  fields.word("maxProtocolVersion", kVersions, tls.max_version);
  const bool both = tls.min_version != Version::kAuto && tls.max_version != Version::kAuto;
  if (both && tls.min_version > tls.max_version)
    fields.error("minProtocolVersion", "is above maxProtocolVersion: no client could come in");
  fields.strings("cipherSuites", tls.cipher_suites);
  std::set<std::string> known;
  std::erase_if(tls.cipher_suites, [&](const std::string& suite) { return !known.insert(suite).second; });
}

void require(const Fields& fields, std::string_view name, const std::string& value, std::string_view mode) {
  if (value.empty()) fields.error(name, "is required for " + std::string(mode) + " without credentialName");
}

/// Where the server's own certificate is, and whom it trusts.
void check_certificates(const Fields& fields, const ServerTls& tls) {
  const bool own =
      tls.mode == Mode::kSimple || tls.mode == Mode::kMutual || tls.mode == Mode::kOptionalMutual;
  if (!own) {
    for (const char* name : {"credentialName", "serverCertificate", "privateKey", "caCertificates"}) {
      if (fields.has(name)) fields.error(name, "has no place in this mode, which shows no such certificate");
    }
    return;
  }
  if (!tls.credential.empty()) return;
  const std::string_view mode = tls.mode == Mode::kSimple ? "SIMPLE" : "MUTUAL";
  require(fields, "serverCertificate", tls.certificate, mode);
  require(fields, "privateKey", tls.private_key, mode);
  if (tls.takes_client_certificates()) require(fields, "caCertificates", tls.ca_certificates, mode);
}

void read_credential(Fields& fields, ServerTls& tls) {
  constexpr std::string_view kStart = "kubernetes://";
  if (!fields.string("credentialName", tls.credential)) return;
  if (tls.credential.starts_with(kStart)) tls.credential.erase(0, kStart.size());
  const bool plain = tls.credential.find_first_of("/:") == std::string::npos;
  if (tls.credential.empty() || !plain)
    fields.error("credentialName", "must name a Secret in the namespace of the gateway's proxies");
}

}  // namespace

void read_server_tls(Fields& fields, ServerTls& tls) {
  enum class Word { kPassthrough, kSimple, kMutual, kAutoPassthrough, kIstioMutual, kOptionalMutual };
  static const Words<Word> kModes{{"PASSTHROUGH", Word::kPassthrough},
                                  {"SIMPLE", Word::kSimple},
                                  {"MUTUAL", Word::kMutual},
                                  {"AUTO_PASSTHROUGH", Word::kAutoPassthrough},
                                  {"ISTIO_MUTUAL", Word::kIstioMutual},
                                  {"OPTIONAL_MUTUAL", Word::kOptionalMutual}};
  Word mode = Word::kPassthrough;
  fields.word("mode", kModes, mode);
  switch (mode) {
    case Word::kPassthrough: tls.mode = Mode::kPassthrough; break;
    case Word::kSimple: tls.mode = Mode::kSimple; break;
    case Word::kMutual: tls.mode = Mode::kMutual; break;
    case Word::kIstioMutual: tls.mode = Mode::kIstioMutual; break;
    case Word::kOptionalMutual: tls.mode = Mode::kOptionalMutual; break;
    case Word::kAutoPassthrough:
      fields.error("mode", "AUTO_PASSTHROUGH is not implemented: it is for gateways between networks");
      break;
  }
  fields.boolean("httpsRedirect", tls.https_redirect);
  read_credential(fields, tls);
  fields.string("serverCertificate", tls.certificate);
  fields.string("privateKey", tls.private_key);
  fields.string("caCertificates", tls.ca_certificates);
  fields.strings("subjectAltNames", tls.subject_alt_names);
  read_versions(fields, tls);
  for (const char* name : {"caCrl", "credentialNames", "caCertCredentialName", "tlsCertificates",
                           "verifyCertificateSpki", "verifyCertificateHash"}) {
    fields.unsupported(name, Severity::kError, "is not implemented");
  }
  check_certificates(fields, tls);
}

namespace {

void check_tls(const Fields& fields, const GatewayServer& server) {
  const bool secure = server.protocol == Protocol::kHttps || server.protocol == Protocol::kTls;
  if (secure && !fields.has("tls")) fields.error("tls", "is required: the port says HTTPS or TLS");
  if (secure && server.tls.https_redirect)
    fields.error("tls", "httpsRedirect is for ports that say HTTP: what comes here is TLS already");
  if (!secure && server.tls.mode != Mode::kPassthrough)
    fields.warning("tls", "has no effect but for httpsRedirect: the port does not say HTTPS or TLS");
  if (server.protocol == Protocol::kTcp && server.tls.https_redirect)
    fields.error("tls", "httpsRedirect is for ports that say HTTP");
}

GatewayServer read_server(Fields& fields) {
  GatewayServer server;
  server.path = fields.path();
  server.line = fields.line();
  read_server_port(fields, server);
  if (fields.string("bind", server.bind) && !is_ip_address(server.bind))
    fields.error("bind", "\"" + server.bind + "\" is no IP address");
  read_hosts(fields, server);
  fields.object("tls", [&](Fields& tls) { read_server_tls(tls, server.tls); });
  check_tls(fields, server);
  fields.unsupported("defaultEndpoint", Severity::kError, "is not implemented, as in Istio");
  std::string name;
  fields.string("name", name);  // says what the server is, to people
  return server;
}

}  // namespace

Gateway read_gateway(Fields& spec) {
  Gateway gateway;
  spec.string_map("selector", gateway.selector);
  spec.objects("servers", [&](Fields& item) { gateway.servers.push_back(read_server(item)); });
  if (gateway.servers.empty() && !spec.has("servers")) spec.error("servers", "must have at least one server");
  std::set<std::string> names;
  for (const GatewayServer& server : gateway.servers) {
    if (!server.name.empty() && !names.insert(server.name).second)
      spec.error("servers", "two ports are called \"" + server.name + "\"");
  }
  return gateway;
}

}  // namespace remora::istio
