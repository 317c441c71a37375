#pragma once

#include "remora/core/failure.h"
#include "remora/http/exchange_info.h"

namespace remora {

class Worker;
class WorkerListener;
struct AcceptedSocket;
struct Peer;

/// Lines of a listener's own access log (Listener.access_log): one a connection, at its end. Nothing is done
/// for a listener that has none. Source: Envoy, access_log of listeners.

/// A connection that no filter chain took: `flag` says why, with `details`.
void log_unserved(Worker& worker, const WorkerListener& listener, const AcceptedSocket& socket,
                  ResponseFlag flag, std::string_view details);

/// An HTTP connection. `start`: when it was accepted.
void log_http_connection(Worker& worker, const WorkerListener& listener, const Peer& peer, uint64_t id,
                         MonotonicTime start);

}  // namespace remora
