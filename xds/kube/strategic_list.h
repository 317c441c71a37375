#pragma once

#include <boost/json/array.hpp>
#include <string>

#include "remora/core/result.h"

namespace remora::kube {

/// What tells an item of a merging list from others: a scalar's own text, or that of the field `merge_key` of
/// an object. An error where an item has none.
Result<std::string> item_identity(const boost::json::value& item, const std::string& merge_key);

/// The items of `list` in the order in which a client wants them: those that `order` names as it names them,
/// the others between them where `before`, the list as it was, had them.
Result<boost::json::array> in_order(boost::json::array list, const boost::json::array& order,
                                    const boost::json::array& before, const std::string& merge_key);

}  // namespace remora::kube
