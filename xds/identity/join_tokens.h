#pragma once

#include <string>
#include <string_view>

#include "istio/model/spiffe_id.h"
#include "remora/core/result.h"

namespace remora::identity {

/// Bearer tokens with which proxies without a certificate say who they are, from a file with one a line:
///
///     TOKEN                              whoever holds it may be any workload of the mesh
///     TOKEN  NAMESPACE/SERVICE-ACCOUNT   whoever holds it is that workload
///
/// Blank lines, and lines that begin with '#', do not count. The file is read for every question, so that a
/// line that is taken away counts no longer.
class JoinTokens {
 public:
  explicit JoinTokens(std::string path) : path_(std::move(path)) {}

  /// An error where the file cannot be read or a line is wrong; it names the line, never a token.
  Result<void> check() const;

  struct Grant {
    bool anybody = false;  ///< else only `ns` and `service_account`
    std::string ns;
    std::string service_account;
  };
  /// What the holder of `token` may be; an error where no line has it.
  Result<Grant> find(std::string_view token) const;

 private:
  std::string path_;
};

/// 256 random bits as text.
std::string make_token();

}  // namespace remora::identity
