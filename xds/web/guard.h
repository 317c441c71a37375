#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remora/core/result.h"
#include "web/http_message.h"
#include "web/http_server.h"

namespace remora::web {

/// Decides who may talk to a server, before anything of a request but its head has been read.
class Guard {
 public:
  /// `loopback`: the server can be reached from this machine only. An error says which part of `access` is
  /// missing or cannot be read.
  static Result<Guard> make(const Access& access, bool loopback);

  /// The answer for a request that may not pass, or nothing. `certified`: its connection showed a client
  /// certificate that the TLS library has verified.
  std::optional<Response> refuse(const Headers& headers, bool certified);

 private:
  using Digest = std::array<unsigned char, 32>;

  bool has_credentials(const Headers& headers, bool certified);
  bool knows(std::string_view token);
  Result<void> read_tokens();
  void reread_tokens();

  std::vector<std::string> hosts_;  ///< names that are as good as loopback's
  std::string token_file_;
  std::vector<Digest> tokens_;  ///< SHA-256 of each: compared in constant time, whatever their lengths
  int64_t tokens_changed_ = 0;  ///< the file's time of change when it was read
  bool required_ = false;       ///< whether a request needs a credential
  bool anyone_ = false;
};

}  // namespace remora::web
