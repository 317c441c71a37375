#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kubernetes/access.h"

namespace boost::asio::ssl {
class context;
}

namespace remora::kubernetes {

/// Who we are, as of now: files that have changed are read again, at most once a second. Where one cannot be
/// read or is no good any more, what was read last goes on. Control thread only.
class Credentials {
 public:
  explicit Credentials(Access access) : access_(std::move(access)) {}

  const Access& access() const { return access_; }

  /// The context for new connections; an error where there has never been a good one.
  Result<std::shared_ptr<boost::asio::ssl::context>> tls();

  /// What the Authorization field says; empty where we have no token.
  Result<std::string> authorization();

  /// Forgets what the files looked like: the next look reads them, however recent the last one was.
  void distrust() { looked_ = {}; }

 private:
  struct File {
    std::string stamp;
    std::string text;
  };

  void look();
  Result<std::string> text_of(const Pem& pem) const;
  Result<std::shared_ptr<boost::asio::ssl::context>> make_tls() const;

  Access access_;
  std::map<std::string, File> files_;
  std::chrono::steady_clock::time_point looked_;
  bool changed_ = true;
  std::shared_ptr<boost::asio::ssl::context> tls_;
};

}  // namespace remora::kubernetes
