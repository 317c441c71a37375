#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "local_ref.h"
#include "mirror/body_digest.h"

namespace remora {

class HeaderMap;
class Mirror;
struct ExchangeInfo;

/// The shadows of one exchange. Worker thread only.
class Mirrors {
 public:
  Mirrors();
  ~Mirrors();

  void add(LocalRef<Mirror> mirror);

  // The original request, as it goes on.
  void body(std::string_view bytes, bool end);
  void trailers(const HeaderMap& trailers);

  /// A piece of the answer that the original got from its upstream.
  void answer_body(std::string_view bytes) {
    if (answer_) digest(bytes);
  }
  /// The original is over.
  void finish(const ExchangeInfo& info, bool request_complete);
  void clear();

 private:
  void digest(std::string_view bytes);

  std::vector<LocalRef<Mirror>> mirrors_;
  std::optional<BodyDigest> answer_;  // where a shadow's body is compared
  size_t most_ = 0;                   // of a body that is
};

}  // namespace remora
