#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "ctl/arguments.h"
#include "store/kinds.h"

namespace remora::ctl {

/// The kinds a word means: "vs", "VirtualService", "virtualservices.networking.istio.io", "vs,dr", "all".
Result<std::vector<const store::Kind*>> kinds_of(const std::string& word);

/// "/apis/networking.istio.io/v1/namespaces/default/virtualservices/api". Without a namespace: of all of
/// them. Without a name: the collection. Without a version: the preferred one.
std::string resource_path(const store::Kind& kind, const std::string& ns, const std::string& name,
                          std::string_view version = {});

/// "virtualservice.networking.istio.io", as kubectl names objects: NAME comes after a slash.
std::string qualified(const store::Kind& kind);

/// An object out of a manifest, with its place in the API.
struct Manifest {
  const store::Kind* kind = nullptr;
  std::string version;  ///< of its apiVersion
  std::string ns;
  std::string name;
  boost::json::object body;
  std::string source;  ///< "FILE:LINE"

  std::string path() const { return resource_path(*kind, ns, name, version); }
};

/// All objects of --filename, in their order; lists are taken apart. The namespace: the object's own, else
/// --namespace, else "default"; two that differ are an error.
Result<std::vector<Manifest>> read_manifests(const Arguments& arguments);

}  // namespace remora::ctl
