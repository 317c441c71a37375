#include "control_plane/server_certificate.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "store/durable_file.h"

namespace remora::xds {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kRetry{30};
/// gRPC looks for new files once a second: the one before must live on for some of these.
constexpr std::chrono::seconds kShortestLife{6};

}  // namespace

ServerCertificate::ServerCertificate(boost::asio::io_context& context,
                                     const identity::CertificateAuthority& authority, istio::SpiffeId id,
                                     std::chrono::seconds lifetime, std::string folder)
    : authority_(authority),
      id_(std::move(id)),
      lifetime_(std::max(lifetime, kShortestLife)),
      folder_(std::move(folder)),
      timer_(context) {}

Result<void> ServerCertificate::start(const Names& names) {
  names_ = names;
  std::error_code code;
  fs::remove_all(folder_, code);  // of an earlier run
  fs::create_directories(folder_, code);
  if (code || ::chmod(folder_.c_str(), S_IRWXU) != 0) {
    return Error{"cannot make the folder " + folder_ + ": " + (code ? code.message() : std::strerror(errno))};
  }
  const auto renewal = renew();
  if (!renewal.ok()) return Error{renewal.error()};
  wait_until(*renewal);
  following_ = authority_.follow([this] { renew_and_wait(); });
  return {};
}

Result<std::chrono::system_clock::time_point> ServerCertificate::renew() {
  const auto issued = authority_.issue_server(id_, lifetime_, names_.dns, names_.addresses);
  if (!issued.ok()) return Error{issued.error()};
  const auto published = publish(*issued);
  if (!published.ok()) return Error{published.error()};
  return issued->renewal();
}

/// The link moves in one step; what it led to before goes afterwards.
Result<void> ServerCertificate::publish(const identity::Issued& issued) {
  const std::string link = folder_ + "/current";
  std::error_code code;
  const fs::path before = fs::read_symlink(link, code);
  const std::string fresh = std::to_string(issued.made.time_since_epoch().count());
  const std::string place = folder_ + '/' + fresh;
  auto written = store::replace_file(place + "/key.pem", issued.key_pem);
  if (written.ok()) written = store::replace_file(place + "/cert-chain.pem", issued.chain_pem);
  if (written.ok()) written = store::replace_file(place + "/root-cert.pem", authority_.root_pem());
  if (!written.ok()) return written;
  fs::remove(link + ".next", code);
  fs::create_directory_symlink(fresh, link + ".next", code);
  if (!code) fs::rename(link + ".next", link, code);
  if (code) return Error{"cannot replace the link " + link + ": " + code.message()};
  if (!before.empty()) fs::remove_all(fs::path(folder_) / before, code);
  return {};
}

void ServerCertificate::wait_until(std::chrono::system_clock::time_point time) {
  timer_.expires_at(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) renew_and_wait();
  });
}

void ServerCertificate::renew_and_wait() {
  const auto renewal = renew();
  if (!renewal.ok())
    spdlog::error("identity: the control plane's own certificate: {}", renewal.error().message);
  wait_until(renewal.ok() ? *renewal : std::chrono::system_clock::now() + kRetry);
}

}  // namespace remora::xds
