#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kubernetes/api_client.h"

namespace remora::kubernetes {

/// Reads and creates Secrets of one namespace by name. Control thread only.
class Secrets {
 public:
  using Fields = std::map<std::string, std::string>;  ///< decoded

  /// The client outlives this. What is under way ends without callbacks when this goes.
  Secrets(ApiClient& client, std::string ns) : client_(client), ns_(std::move(ns)) {}

  void fetch(const std::string& name, std::function<void(Result<std::optional<Fields>>)> done);
  /// False where there is one of this name already.
  void create(const std::string& name, const std::string& type, const Fields& fields,
              std::function<void(Result<bool>)> done);
  std::string place(const std::string& name) const { return "secret " + ns_ + '/' + name; }

 private:
  std::string path() const { return "/api/v1/namespaces/" + ns_ + "/secrets"; }
  void call(ApiCall call, ApiClient::Answered done);

  ApiClient& client_;
  const std::string ns_;
  std::map<uint64_t, std::shared_ptr<void>> calls_;
  uint64_t next_call_ = 0;
};

}  // namespace remora::kubernetes
