#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/core/v3/grpc_service.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "remora/core/clock.h"
#include "translate/context.h"

namespace remora::xds {

using ProtoSecret = envoy::extensions::transport_sockets::tls::v3::Secret;

/// Where a secret comes from.
struct SecretSource {
  enum class Kind : uint8_t {
    kStatic,   ///< static_resources.secrets
    kAds,      ///< the management server
    kServer,   ///< a secret server of its own
    kFile,     ///< a file that holds a DiscoveryResponse
    kWatched,  ///< it stands in the configuration, and names files whose folder is watched
  };
  Kind kind = Kind::kStatic;
  std::string name;                             // as the source knows it
  std::string source_key;                       // ResourceSource::key
  envoy::config::core::v3::GrpcService server;  // kServer
  bool node_on_first_message_only = false;      // kServer
  std::string path;                             // kFile
  std::vector<std::string> folders;             // kFile, kWatched: what is watched
  std::shared_ptr<const ProtoSecret> content;   // kWatched
};

/// A secret without which a listener or cluster cannot be used.
struct SecretNeed {
  std::string key;  // SecretRef::name: unlike the name, different for each source
  SecretSource source;
  Milliseconds fetch_timeout{0};  // 0: wait for ever
};
using SecretNeeds = std::vector<SecretNeed>;

/// Reads a reference to a secret and adds it to `needs` unless it is there. Returns its key; "" after an
/// error. The context stands at the message.
std::string add_secret_need(const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& config,
                            Context& context, SecretNeeds& needs);

/// For content in the configuration whose files change: its key. `content` has the name of nothing.
std::string add_watched_secret(ProtoSecret content, std::vector<std::string> folders, SecretNeeds& needs);

/// The key of a secret of static_resources.
std::string static_secret_key(const std::string& name);

/// The folders to watch for changes of a secret's content: its watched_directory, or those of the files it
/// names. Empty: it stands by itself.
std::vector<std::string> watched_folders(const ProtoSecret& secret);

}  // namespace remora::xds
