#pragma once

#include "listener/worker_chain.h"
#include "listener/worker_listener.h"
#include "local_ref.h"
#include "net/reactor.h"

namespace remora {

/// An accepted connection as its worker sees it: something to drain or to end. Owned by the worker.
class WorkerConnection : public Disposable {
 public:
  /// Its listener or the process is going: end when idle, at the latest after `at_most` (0: whenever).
  virtual void drain(Milliseconds at_most) = 0;
  /// How much timeouts are reduced has changed (OverloadState::timeout). Must not end it from within.
  virtual void rescale_timeouts() {}
  /// Ends it now, whatever is under way.
  virtual void close_now() = 0;

  [[nodiscard]] const WorkerListener& listener() const { return *listener_; }
  /// Null while it is not known which one it will be.
  [[nodiscard]] const WorkerChain* chain() const { return chain_.get(); }

 protected:
  WorkerConnection(LocalRef<WorkerListener> listener, LocalRef<WorkerChain> chain)
      : listener_(std::move(listener)),
        chain_(std::move(chain)) {}

  LocalRef<WorkerListener> listener_;
  LocalRef<WorkerChain> chain_;
};

}  // namespace remora
