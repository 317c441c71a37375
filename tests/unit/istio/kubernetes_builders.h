#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <string>

#include "istio/registry/inventory.h"

// Words for tests about Kubernetes' own objects: given as JSON with ' for ".
namespace remora::istio::test {

inline boost::json::object json_object(std::string text) {
  for (char& c : text) {
    if (c == '\'') c = '"';
  }
  return boost::json::parse(text).as_object();
}

/// An EndpointSlice NAME of `service` in namespace default; `endpoints` is the list's inside.
inline boost::json::object slice(const std::string& name, const std::string& service,
                                 const std::string& endpoints, const std::string& type = "IPv4",
                                 const std::string& ports = "{'name':'http','port':8080}") {
  return json_object(
      "{'metadata':{'name':'" + name + "','namespace':'default','labels':{'kubernetes.io/service-name':'" +
      service + "'}},'addressType':'" + type + "','ports':[" + ports + "],'endpoints':[" + endpoints + "]}");
}

/// An entry that leads to the Pod of this name.
inline std::string entry(const std::string& address, const std::string& pod, bool ready = true) {
  return "{'addresses':['" + address + "'],'conditions':{'ready':" + (ready ? "true" : "false") +
         "},'targetRef':{'kind':'Pod','name':'" + pod + "'}}";
}

/// A ready Pod in namespace default; `more` are further members of its metadata, each with a comma before it.
inline boost::json::object pod(const std::string& name, const std::string& address,
                               const std::string& labels = "'app':'web'", const std::string& more = "",
                               const std::string& account = "web") {
  return json_object("{'metadata':{'name':'" + name + "','namespace':'default','labels':{" + labels + "}" +
                     more + "},'spec':{'serviceAccountName':'" + account +
                     "','nodeName':'node-1'},'status':{'phase':'Running','podIP':'" + address +
                     "','podIPs':[{'ip':'" + address +
                     "'}],'conditions':[{'type':'Ready','status':'True'}]}}");
}

}  // namespace remora::istio::test
