#include "kubernetes/credentials.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <fstream>
#include <sstream>

namespace remora::kubernetes {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::chrono::seconds kLookInterval{1};
constexpr int64_t kMaxFileSize = 4LL * 1024 * 1024;

/// What tells a changed file from an unchanged one; empty where there is none.
std::string stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || status.st_size > kMaxFileSize) return {};
  std::ostringstream stamp;
  stamp << status.st_dev << ' ' << status.st_ino << ' ' << status.st_size << ' ' << status.st_mtim.tv_sec
        << '.' << status.st_mtim.tv_nsec;
  return std::move(stamp).str();
}

Error fault(const char* what, const Pem& pem, const error_code& error) {
  return Error{std::string(what) + (pem.file.empty() ? "" : ' ' + pem.file) + ": " + error.message()};
}

}  // namespace

/// Reads files that are new or have changed.
void Credentials::look() {
  const auto now = std::chrono::steady_clock::now();
  if (looked_ != std::chrono::steady_clock::time_point() && now - looked_ < kLookInterval) return;
  looked_ = now;
  for (const std::string* path :
       {&access_.ca.file, &access_.certificate.file, &access_.private_key.file, &access_.token_file}) {
    if (path->empty()) continue;
    const std::string stamp = stamp_of(*path);
    File& file = files_[*path];
    if (stamp.empty() || stamp == file.stamp) continue;
    std::ifstream stream(*path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) continue;
    file.stamp = stamp;
    file.text = std::move(text).str();
    if (path != &access_.token_file) changed_ = true;
  }
}

Result<std::string> Credentials::text_of(const Pem& pem) const {
  if (pem.file.empty()) return pem.text;
  const auto found = files_.find(pem.file);
  if (found == files_.end() || found->second.stamp.empty()) return Error{pem.file + ": cannot be read"};
  return found->second.text;
}

Result<std::shared_ptr<ssl::context>> Credentials::tls() {
  look();
  if (!changed_ && tls_ != nullptr) return tls_;
  auto made = make_tls();
  if (!made.ok() && tls_ == nullptr) return made;
  // Half a pair while files are being replaced: the next change of one of them makes it whole.
  if (made.ok()) tls_ = std::move(*made);
  changed_ = false;
  return tls_;
}

Result<std::shared_ptr<ssl::context>> Credentials::make_tls() const {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  error_code error;
  context->set_verify_mode(access_.verify ? ssl::verify_peer : ssl::verify_none, error);
  if (access_.ca.empty()) {
    context->set_default_verify_paths(error);
  } else {
    const auto text = text_of(access_.ca);
    if (!text.ok()) return Error{text.error()};
    context->add_certificate_authority(boost::asio::buffer(*text), error);
    if (error) return fault("the cluster's authority", access_.ca, error);
  }
  if (access_.certificate.empty()) return context;
  const auto certificate = text_of(access_.certificate);
  if (!certificate.ok()) return Error{certificate.error()};
  const auto key = text_of(access_.private_key);
  if (!key.ok()) return Error{key.error()};
  context->use_certificate_chain(boost::asio::buffer(*certificate), error);
  if (error) return fault("the client certificate", access_.certificate, error);
  context->use_private_key(boost::asio::buffer(*key), ssl::context::pem, error);
  if (error) return fault("the client key", access_.private_key, error);
  return context;
}

Result<std::string> Credentials::authorization() {
  look();
  std::string token = access_.token;
  if (!access_.token_file.empty()) {
    const auto found = files_.find(access_.token_file);
    if (found == files_.end() || found->second.stamp.empty()) {
      return Error{access_.token_file + ": cannot be read"};
    }
    token = found->second.text;
  }
  token.erase(token.find_last_not_of(" \t\r\n") + 1);
  if (token.empty()) return std::string();
  for (const char c : token) {
    if (c <= ' ' || c == 0x7f) return Error{"the token holds a character that no header may have"};
  }
  return "Bearer " + token;
}

}  // namespace remora::kubernetes
