#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "remora/config/route.h"

namespace remora::filters {

/// One edit of the parameters behind '?'. Source: envoy.config.core.v3.KeyValueMutation.
struct QueryEdit {
  std::string name;
  bool remove = false;
  HeaderMutation::Action action = HeaderMutation::Action::kAppendOrAdd;
  Format value;  ///< percent-encoded when it is put in
};

/// `target` with its parameters edited. Names are compared percent-decoded. As in Envoy, parameters come out
/// in the order of their names, each with a '='. What is encoded stays so, other than in Envoy, which would
/// have a client's space or line end in the request line.
std::string edit_query(std::string_view target, const std::vector<QueryEdit>& edits,
                       const ExchangeInfo& info);

}  // namespace remora::filters
