#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control_plane/options.h"
#include "store/object_store.h"

namespace remora::kubernetes {
class ApiClient;
}

namespace remora::store {
class MemoryStore;
}

namespace remora::xds {

/// Where the mesh's objects are: in a folder of our own, or in a Kubernetes API server. Control thread only.
class ObjectHome {
 public:
  /// The folder `folder`, or what the options say of an API server.
  static Result<std::unique_ptr<ObjectHome>> open(boost::asio::io_context& context, const Options& options,
                                                  const std::string& folder);
  virtual ~ObjectHome() = default;

  virtual store::ObjectStore& objects() = 0;
  /// The same for whoever comes in over our own API.
  virtual store::ObjectStore& objects_for_api() = 0;
  /// Takes the objects of manifest files; null where these cannot be mixed in.
  virtual store::MemoryStore* manifests() = 0;
  /// The API server; null where there is none.
  virtual kubernetes::ApiClient* api_server() = 0;
  /// The namespace that we run in, as far as it is known.
  virtual std::string own_namespace() const = 0;

  /// An object's place, for messages.
  virtual std::string place_of(const store::ObjectKey& key) const = 0;
  /// What cannot be read: place, and what is wrong.
  virtual std::map<std::string, std::string> broken() const = 0;
  /// Whether everything has been read that is needed before proxies can be told anything.
  virtual bool ready() const = 0;
  /// For people: one entry a kind, with its condition; empty where there is nothing to tell.
  virtual boost::json::array describe() const = 0;
  /// The same for Prometheus.
  virtual std::string metrics() const = 0;

  /// Begins to read, and to follow changes. `changed`: broken(), ready() or describe() may say something
  /// else.
  virtual void follow(std::function<void()> changed) = 0;
};

}  // namespace remora::xds
