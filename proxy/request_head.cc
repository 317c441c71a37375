#include "request_head.h"

#include <algorithm>
#include <array>

#include "core/grpc.h"
#include "field_list.h"
#include "local_reply.h"
#include "remora/http/path.h"

namespace remora {
namespace {

// What only this mesh may say: taken from every request that is not internal.
constexpr std::array kInternalHeaders = {
    HeaderId::kXEnvoyExpectedRqTimeoutMs,
    HeaderId::kXEnvoyForceTrace,
    HeaderId::kXEnvoyHedgeOnPerTryTimeout,
    HeaderId::kXEnvoyIpTags,
    HeaderId::kXEnvoyMaxRetries,
    HeaderId::kXEnvoyRetriableHeaderNames,
    HeaderId::kXEnvoyRetriableStatusCodes,
    HeaderId::kXEnvoyRetryGrpcOn,
    HeaderId::kXEnvoyRetryOn,
    HeaderId::kXEnvoyUpstreamAltStatName,
    HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs,
    HeaderId::kXEnvoyUpstreamRqTimeoutAltResponse,
    HeaderId::kXEnvoyUpstreamRqTimeoutMs,
    HeaderId::kXEnvoyUpstreamStreamDurationMs,
};
// Taken at the edge as well: the hop in front of us cannot have set them.
constexpr std::array kEdgeHeaders = {
    HeaderId::kXEnvoyDecoratorOperation,    HeaderId::kXEnvoyDownstreamServiceCluster,
    HeaderId::kXEnvoyDownstreamServiceNode, HeaderId::kXEnvoyOriginalHost,
    HeaderId::kXEnvoyOriginalPath,
};

HeadVerdict refuse(uint16_t status, std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  return {HeadVerdict::Kind::kReply, std::move(reply)};
}

HeadVerdict normalize(HeaderMap& head, const HttpConnectionManagerConfig& config) {
  const PathPolicy policy{config.normalize_path, config.merge_slashes, config.escaped_slashes};
  switch (apply_path_policy(head, policy)) {
    case PathVerdict::kAccept: return {};
    case PathVerdict::kReject: return refuse(400, "path_normalization_failed");
    case PathVerdict::kRedirect: break;
  }
  if (is_grpc_request(head)) return refuse(400, "path_normalization_failed");  // its clients follow nowhere
  auto verdict = refuse(307, "path_normalization_failed");
  verdict.reply.edit_head = [path = std::string(head.path())](HeaderMap& response) {
    response.set(HeaderId::kLocation, path);
  };
  return verdict;
}

void strip_port(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer) {
  auto host = head.authority();
  if (config.strip_any_host_port || config.strip_matching_host_port) {
    const size_t colon = host.rfind(':');
    const bool in_brackets = host.rfind(']') != std::string_view::npos && colon < host.rfind(']');
    if (colon != std::string_view::npos && !in_brackets) {
      const bool matching = host.substr(colon + 1) == std::to_string(peer.local.port());
      if (config.strip_any_host_port || matching) host = host.substr(0, colon);
    }
  }
  if (config.strip_trailing_host_dot && host.ends_with('.')) host.remove_suffix(1);
  if (host.size() != head.authority().size()) head.set(HeaderId::kAuthority, host);
}

HeadVerdict check_underscores(HeaderMap& head, HttpConnectionManagerConfig::Underscores action) {
  using Underscores = HttpConnectionManagerConfig::Underscores;
  if (action == Underscores::kAllow) return {};
  const auto has = [](const HeaderMap::Field& field) {
    return field.id == HeaderId::kOther && field.name.find('_') != std::string_view::npos;
  };
  if (action == Underscores::kDrop) {
    head.remove_if(has);
    return {};
  }
  if (std::none_of(head.fields().begin(), head.fields().end(), has)) return {};
  auto verdict = refuse(400, "http1.unexpected_underscore");
  verdict.reply.body = "Bad Request";
  return verdict;
}

void sanitize(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
              const RequestOrigin& origin, const std::vector<std::string>* internal_only) {
  head.remove(HeaderId::kXEnvoyInternal);
  if (origin.internal) {
    head.add(HeaderId::kXEnvoyInternal, "true");
    return;
  }
  for (const auto id : kInternalHeaders) head.remove(id);
  head.remove("x-envoy-original-url");
  if (internal_only != nullptr) {
    for (const auto& name : *internal_only) head.remove(name);
  }
  if (!config.use_remote_address) return;
  for (const auto id : kEdgeHeaders) head.remove(id);
  if (origin.remote == peer.remote()) {
    if (!peer.host.empty()) head.set(HeaderId::kXEnvoyExternalAddress, peer.host);
  } else {
    head.set(HeaderId::kXEnvoyExternalAddress, origin.remote.host());
  }
}

void set_request_id(HeaderMap& head, const HttpConnectionManagerConfig& config, bool edge, Random& random) {
  if (!config.generate_request_id) return;
  const bool keep = head.has(HeaderId::kXRequestId) && (!edge || config.preserve_external_request_id);
  if (keep) return;
  head.remove(HeaderId::kXRequestId);
  char* id = head.allocate(36);
  write_uuid(random, id);
  head.add_reference(HeaderId::kXRequestId, "x-request-id", {id, 36});
}

}  // namespace

void write_uuid(Random& random, char* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t words[2] = {(random.next() & ~0xf000ull) | 0x4000ull,
                             (random.next() & ~(0x3ull << 62)) | (0x2ull << 62)};
  size_t at = 0;
  for (size_t nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) out[at++] = '-';
    out[at++] = kHex[(words[nibble / 16] >> (60 - 4 * (nibble % 16))) & 0xf];
  }
}

HeadVerdict prepare_request_head(HeaderMap& head, const HttpConnectionManagerConfig& config, const Peer& peer,
                                 const std::vector<std::string>* internal_only, Random& random,
                                 RequestOrigin& origin) {
  if (auto verdict = check_underscores(head, config.underscores); verdict.kind == HeadVerdict::Kind::kReply)
    return verdict;
  if (auto verdict = normalize(head, config); verdict.kind == HeadVerdict::Kind::kReply) return verdict;
  strip_port(head, config, peer);
  if (const uint16_t status = find_origin(head, config, peer, origin); status != 0)
    return refuse(status, "rejecting_because_detection_failed");
  sanitize(head, config, peer, origin, internal_only);
  forward_client_cert(head, config, peer.tls_info, peer.client_cert);
  if (!config.via.empty()) append_to_list(head, HeaderId::kVia, config.via);
  set_request_id(head, config, config.use_remote_address && !origin.internal, random);
  if (!config.scheme.empty()) head.set(HeaderId::kXForwardedProto, config.scheme);
  head.set(HeaderId::kScheme, head.value_of(HeaderId::kXForwardedProto) == "https" ? "https" : "http");
  return {};
}

}  // namespace remora
