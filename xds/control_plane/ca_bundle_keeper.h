#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kubernetes/api_client.h"

namespace remora::xds {

/// Keeps the caBundle of a MutatingWebhookConfiguration what it has to be: the authority behind our webhook's
/// certificate, without which API servers do not talk to it. It is watched, and mended by whoever leads, only
/// where it differs; nobody else's field is touched. What fails is tried again later. Control thread only.
class CaBundleKeeper {
 public:
  /// Context and client outlive this. `first_delay`: after a failure; doubles up to 30 times that.
  CaBundleKeeper(boost::asio::io_context& context, kubernetes::ApiClient& client, std::string name,
                 const std::string& root_pem, std::function<bool()> leads,
                 std::chrono::milliseconds first_delay = std::chrono::milliseconds(500));

  void start() { list(); }
  /// The authority is another one from now on.
  void use(const std::string& root_pem);
  /// We lead from now on: what has been seen before may be for us to mend.
  void look();

 private:
  void list();
  void on_list(const Result<kubernetes::ApiAnswer>& answer);
  void watch(const std::string& version);
  void on_event(std::string_view line);
  void take(boost::json::object configuration);
  void mend(const std::string& patch);
  void failed(const std::string& what, const Result<kubernetes::ApiAnswer>& answer);
  void again_later();
  std::string path() const;

  kubernetes::ApiClient& client_;
  const std::string name_;
  std::string bundle_;  ///< base64
  const std::function<bool()> leads_;
  const std::chrono::milliseconds first_delay_;
  std::chrono::milliseconds delay_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<void> reading_;
  std::shared_ptr<void> writing_;
  boost::json::object seen_;  ///< the configuration as it was last; empty: there is none
  std::string complaint_;     ///< told once, not at every attempt
};

}  // namespace remora::xds
