#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <string_view>
#include <vector>

#include "store/kinds.h"
#include "store/object.h"

namespace remora::kube {

/// A column of what `kubectl get` prints of a kind.
struct Column {
  using Now = std::chrono::system_clock::time_point;
  using Cell = boost::json::value (*)(const store::Object&, Now);

  std::string_view name;
  std::string_view type;  ///< "string", "integer", "boolean", "date"
  std::string_view description;
  int priority = 0;            ///< above 0: with -o wide only
  std::string_view path = {};  ///< where the value stands: "spec.hosts"
  Cell cell = nullptr;         ///< or how it is computed
};

/// The columns of a kind after the first, which is the name.
const std::vector<Column>& columns_of(const store::Kind& kind);

boost::json::value cell_of(const Column& column, const store::Object& object, Column::Now now);

}  // namespace remora::kube
