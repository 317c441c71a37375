// Many sidecars in one process, as far as a management server sees them: each opens an aggregated stream,
// asks for clusters, their endpoints, listeners and their routes as Envoy does, and accepts everything.
//
//   bench_sidecars ADDRESS COUNT SERVICES ENDPOINTS PROTOCOL
//
// Sidecar N stands beside the last of the ENDPOINTS of service N (modulo SERVICES), as mesh/cluster.py makes
// them, with interception. PROTOCOL is "state" (of the world) or "delta". Writes a line per event to standard
// output, "EVENT SIDECAR TIME ...", times in microseconds of the system's clock:
//
//   ready  BYTES CLUSTERS ENDPOINT-SETS: it has every type, and endpoints for all its clusters
//
//   seen   NUMBER: an endpoint with the address 10.128.0.0 + NUMBER is there
//
//   lost   MESSAGE: the stream has ended
//
//   total  RESPONSES BYTES RESOURCES REMOVED: all of them together, since the start; for each line that it
//   reads
//
// Ends when its standard input does.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "mesh/sidecar.h"

int main(int count, char** words) {
  if (count < 6) {
    std::fprintf(stderr, "usage: bench_sidecars ADDRESS COUNT SERVICES ENDPOINTS state|delta\n");
    return 2;
  }
  const int sidecars = std::atoi(words[2]), services = std::atoi(words[3]), endpoints = std::atoi(words[4]);
  const bool delta = std::string(words[5]) == "delta";
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection for each, as it would be
  std::vector<std::unique_ptr<bench::Sidecar>> all;
  for (int i = 0; i < sidecars; ++i) {
    auto channel = grpc::CreateCustomChannel(words[1], grpc::InsecureChannelCredentials(), arguments);
    const bench::Place place{i, i % services, endpoints};
    all.push_back(delta ? delta_sidecar(place, channel) : state_sidecar(place, channel));
  }
  for (int letter = std::getchar(); letter != EOF; letter = std::getchar()) {
    if (letter == '\n') bench::Report::totals();
  }
  std::fflush(stdout);
  std::_Exit(0);  // streams and channels end with the process
}
