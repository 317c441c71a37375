#include "listener/connection_log.h"

#include <chrono>

#include "listener/accepted_socket.h"
#include "listener/worker_listener.h"
#include "peer.h"
#include "worker.h"

namespace remora {
namespace {

bool has_log(const WorkerListener& listener) { return !listener.config().access_logs.empty(); }

void log(Worker& worker, const WorkerListener& listener, ExchangeInfo& info, MonotonicTime start) {
  info.start = start;
  info.end = worker.clock().now();
  info.start_wall =
      worker.clock().wall() - std::chrono::duration_cast<WallTime::duration>(info.end - info.start);
  worker.log_connection(listener, info);
}

}  // namespace

void log_unserved(Worker& worker, const WorkerListener& listener, const AcceptedSocket& socket,
                  ResponseFlag flag, std::string_view details) {
  if (!has_log(listener)) return;
  ExchangeInfo info;
  info.connection_id = worker.next_connection_id();
  info.flags.set(flag);
  info.details = details;
  info.downstream_direct = &socket.direct_remote;
  info.downstream_remote = &socket.speaks_for();
  info.downstream_local = &socket.local;
  info.requested_server_name = socket.server_name;
  info.dynamic_metadata = socket.metadata.get();
  log(worker, listener, info, worker.clock().now());
}

void log_http_connection(Worker& worker, const WorkerListener& listener, const Peer& peer, uint64_t id,
                         MonotonicTime start) {
  if (!has_log(listener)) return;
  ExchangeInfo info;
  info.connection_id = id;
  info.downstream_direct = &peer.direct_remote;
  info.downstream_remote = &peer.remote();
  info.downstream_local = &peer.local;
  info.requested_server_name = peer.server_name;
  info.downstream_tls = peer.tls_info;
  info.dynamic_metadata = peer.metadata.get();
  log(worker, listener, info, start);
}

}  // namespace remora
