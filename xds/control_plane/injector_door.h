#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/system_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control_plane/injection_settings.h"
#include "control_plane/options.h"
#include "identity/certificate_authority.h"
#include "web/http_server.h"

namespace remora::kubernetes {
class ApiClient;
class EventRecorder;
}  // namespace remora::kubernetes

namespace remora::inject {
struct Reviewed;
}

namespace remora::xds {

class CaBundleKeeper;

/// Where Kubernetes asks for sidecars: the admission webhook /inject, over TLS with a certificate of the
/// mesh's authority that is made anew at half of its life. Connections that are open then keep the one
/// before, which is still good. On Kubernetes it also sees to it that API servers know that authority.
/// Control thread only.
class InjectorDoor {
 public:
  /// What it stands on; all of it outlives the door. `api` and `events` are null where there is no
  /// Kubernetes; `leads`: whether this replica is the one that writes.
  struct Ground {
    const identity::CertificateAuthority& authority;
    kubernetes::ApiClient* api = nullptr;
    kubernetes::EventRecorder* events = nullptr;
    std::string own_namespace;
    std::function<bool()> leads;
  };

  InjectorDoor(boost::asio::io_context& context, const Options& options, Ground ground);
  ~InjectorDoor();

  /// Gives the address in use.
  Result<std::string> listen();
  /// This replica has become the one that writes.
  void lead();
  void close();

  /// For Prometheus: what became of the pods.
  std::string metrics() const;

 private:
  web::Response answer(const web::Request& request);
  void tell(const inject::Reviewed& reviewed);
  Result<void> renew();
  void renew_or_retry();
  void authority_changed();
  void renew_at(std::chrono::system_clock::time_point time);

  const Options& options_;
  const Ground ground_;
  InjectionSettings settings_;
  web::HttpServer server_;
  boost::asio::system_timer renewal_;
  std::unique_ptr<CaBundleKeeper> bundle_;
  std::shared_ptr<void> following_;  ///< of the authority
  uint64_t injected_ = 0;
  uint64_t left_alone_ = 0;
  uint64_t refused_ = 0;
  uint64_t unreadable_ = 0;
};

}  // namespace remora::xds
