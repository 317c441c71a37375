#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>

namespace remora::kube {

/// How deep objects and patches may nest. What people write stays below 20; everything that walks a document
/// calls itself once a level, so this also bounds the stack.
inline constexpr size_t kMaxDepth = 64;

/// How deep an object may nest outside of its metadata: what tells who owns its fields goes some levels
/// deeper.
inline constexpr size_t kMaxObjectDepth = 48;

/// The largest body of a request, and the largest object that patches may build. As in Kubernetes.
inline constexpr size_t kMaxBodyBytes = 3 * 1024 * 1024;

/// The most that an object may spend on who owns its fields.
inline constexpr size_t kMaxManagedFieldsBytes = 1024 * 1024;

/// The most operations of one JSON patch. As in Kubernetes.
inline constexpr size_t kMaxPatchOperations = 10'000;

/// The number of levels of `value`: 0 for a scalar. `value` may be deeper than kMaxDepth only where the
/// parser that made it allowed that.
size_t depth_of(const boost::json::value& value);

/// About how many bytes `value` takes as JSON.
size_t size_of(const boost::json::value& value);

}  // namespace remora::kube
