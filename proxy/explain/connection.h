#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "explain/explain.h"
#include "explain/question.h"
#include "listener/accepted_socket.h"

namespace remora::explain {

/// Where a connection ends up.
struct Landing {
  const Listener* listener = nullptr;  ///< null: nobody listens there
  std::string why;                     ///< how the listener was found
  AcceptedSocket socket;               ///< what is known when the chain is chosen
  size_t chain = SIZE_MAX;             ///< its number; SIZE_MAX: none matches
  std::vector<std::string> notes;
};

/// Error: the question names a listener that is not there, or does not say where the client goes.
Result<Landing> land(const Question& question, const std::vector<Listener>& listeners);

}  // namespace remora::explain
