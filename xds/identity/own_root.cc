#include "identity/own_root.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "identity/authority_files.h"
#include "identity/certificate_builder.h"
#include "store/durable_file.h"

namespace remora::identity {
namespace {

namespace fs = std::filesystem;

constexpr auto kRootLifetime = std::chrono::hours(24 * 3650);
constexpr auto kClockSkew = std::chrono::minutes(2);

/// The only writer of an authority's folder, as long as it lives.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

Result<void> make_private_folder(const std::string& folder) {
  std::error_code code;
  fs::create_directories(fs::path(folder).parent_path(), code);
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return Error{"cannot make the folder " + folder + ": " + std::strerror(errno)};
  }
  return {};
}

/// A key that others can read, or could have replaced, proves nothing.
Result<void> require_private(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error{path + ": " + std::strerror(errno)};
  if (status.st_uid != ::geteuid()) return Error{path + " belongs to another user"};
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{path + " can be used by others: take their permissions away (chmod go= " + path + ")"};
  }
  return {};
}

Result<void> write_root(const std::string& key_path, const std::string& trust_domain,
                        const std::string& path) {
  const auto text = read_file(key_path);
  if (!text.ok()) return Error{text.error()};
  auto pem = make_root_certificate(*text, trust_domain);
  if (!pem.ok()) return std::move(pem).error().in(key_path);
  return store::replace_file(path, *pem);
}

Result<void> write_key(const std::string& path) {
  const auto pem = make_root_key();
  if (!pem.ok()) return Error{pem.error()};
  return store::replace_file(path, *pem);
}

/// The key is written first: one without a certificate has signed nothing yet, so its root can still be made.
Result<void> make_root(const AuthoritySource& files) {
  auto made = make_private_folder(files.folder);
  if (!made.ok()) return made;
  const FolderLock lock(files.folder);
  if (!lock.held()) return Error{"cannot lock " + files.folder + ": " + std::strerror(errno)};
  // Another process may have been here in the meantime.
  if (!fs::exists(files.key_file)) {
    if (fs::exists(files.certificate_file)) {
      return Error{files.certificate_file + " is there, but not its key " + files.key_file};
    }
    made = write_key(files.key_file);
  }
  if (made.ok() && !fs::exists(files.certificate_file)) {
    made = write_root(files.key_file, files.trust_domain, files.certificate_file);
  }
  return made;
}

}  // namespace

Result<std::string> make_root_key() {
  auto key = make_key();
  if (!key.ok()) return Error{key.error()};
  return to_pem(**key);
}

Result<std::string> make_root_certificate(const std::string& key_pem, const std::string& trust_domain) {
  auto key = key_from_pem(key_pem);
  if (!key.ok()) return Error{key.error()};
  const auto now = std::chrono::system_clock::now();
  CertificateContent content;
  content.organization = trust_domain;
  content.common_name = "Remora mesh root";
  content.uri = "spiffe://" + trust_domain;
  content.authority = true;
  content.not_before = now - kClockSkew;
  content.not_after = now + kRootLifetime;
  const auto certificate = build_certificate(content, **key, {**key});
  if (!certificate.ok()) return Error{certificate.error()};
  return to_pem(**certificate);
}

Result<AuthoritySource> own_root(const AuthoritySource& source, CertificateAuthority::IfMissing if_missing) {
  AuthoritySource files = source;
  files.key_file = source.folder + "/root-key.pem";
  files.certificate_file = files.root_file = source.folder + "/root-cert.pem";
  if (!fs::exists(files.key_file) || !fs::exists(files.certificate_file)) {
    if (if_missing == CertificateAuthority::IfMissing::kFail) {
      return Error{source.folder + " holds no certificate authority: remora-control makes it when it starts"};
    }
    const auto made = make_root(files);
    if (!made.ok()) return Error{made.error()};
  }
  for (const std::string& path : {files.folder, files.key_file}) {
    const auto checked = require_private(path);
    if (!checked.ok()) return Error{checked.error()};
  }
  return files;
}

}  // namespace remora::identity
