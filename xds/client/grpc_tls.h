#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "remora/config/tls.h"
#include "translate/context.h"

namespace grpc {
class ChannelCredentials;
}

namespace remora::xds {

/// PEM that is read anew for every connection, if it is in a file.
struct PemSource {
  std::string file;
  std::string text;  // as it was read last
};

/// TLS to a server that speaks gRPC: the part of UpstreamTlsContext that gRPC's own client can have.
struct GrpcTls {
  PemSource certificate;  // both "": none is shown
  PemSource key;
  PemSource trusted_ca;
  std::vector<SanMatcher> names;  // the server's certificate has one of them; empty: any name will do
  std::string server_name;        // SNI; "": the host of the target
};

/// What the cluster's transport socket asks for; nothing for plain text. Standing at the cluster: what cannot
/// be had with gRPC's client is an error, and what is wrong with the socket itself is for whoever translates
/// the cluster.
std::optional<GrpcTls> to_grpc_tls(const envoy::config::cluster::v3::Cluster& cluster, Context& context);

/// For one connection: files are read now, and one that cannot be read is as it was read last.
std::shared_ptr<grpc::ChannelCredentials> make_grpc_credentials(const GrpcTls& tls);

}  // namespace remora::xds
