#pragma once

#include <boost/json/object.hpp>
#include <utility>

namespace remora::kube {

/// Takes the members out for which `gone` holds, in one pass; the others keep their order. (Erasing one by
/// one moves all that follow, every time.)
template <typename Predicate>
void erase_members(boost::json::object& object, const Predicate& gone) {
  boost::json::object kept;
  kept.reserve(object.size());
  for (auto& member : object) {
    if (!gone(member)) kept.emplace(member.key(), std::move(member.value()));
  }
  object = std::move(kept);
}

}  // namespace remora::kube
