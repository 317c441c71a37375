#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace remora {

/// Looks for blocks in a stream of bytes: each behind the one before it, with anything in between. Keeps no
/// more of the stream than the longest block has. Source: envoy.config.core.v3.HealthCheck.TcpHealthCheck.
class PayloadMatcher {
 public:
  /// Borrowed.
  explicit PayloadMatcher(const std::vector<std::string>& blocks) : blocks_(blocks) {}

  void feed(std::string_view bytes);
  /// All of them have come.
  [[nodiscard]] bool done() const { return next_ == blocks_.size(); }
  void reset();

 private:
  const std::vector<std::string>& blocks_;
  size_t next_ = 0;   // the block that is looked for
  std::string tail_;  // what may be its beginning
};

}  // namespace remora
