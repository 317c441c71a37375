#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <cstdio>

#include "ctl/admin_client.h"
#include "ctl/commands.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

struct KindName {
  const char* kind;
  std::array<const char*, 3> names;  ///< plural, singular, short
};

constexpr std::array<KindName, 11> kKinds{{
    {"VirtualService", {"virtualservices", "virtualservice", "vs"}},
    {"DestinationRule", {"destinationrules", "destinationrule", "dr"}},
    {"ServiceEntry", {"serviceentries", "serviceentry", "se"}},
    {"WorkloadEntry", {"workloadentries", "workloadentry", "we"}},
    {"PeerAuthentication", {"peerauthentications", "peerauthentication", "pa"}},
    {"RequestAuthentication", {"requestauthentications", "requestauthentication", "ra"}},
    {"Gateway", {"gateways", "gateway", "gw"}},
    {"Sidecar", {"sidecars", "sidecar", "sidecar"}},
    {"Service", {"services", "service", "svc"}},
    {"Deployment", {"deployments", "deployment", "deploy"}},
    {"Canary", {"canaries", "canary", "canary"}},
}};

/// The kind a word of the command line means: empty for "all", null for none.
const char* kind_of(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word == "all") return "";
  for (const KindName& kind : kKinds) {
    if (std::find(kind.names.begin(), kind.names.end(), word) != kind.names.end()) return kind.kind;
  }
  return nullptr;
}

std::string name_of(const json::value& resource) {
  boost::system::error_code error;
  const json::value* name = resource.find_pointer("/metadata/name", error);
  return name != nullptr && name->is_string() ? std::string(name->as_string()) : "";
}

}  // namespace

int effective(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.words;
  const char* kind = kind_of(words[0]);
  if (kind == nullptr) return fail(words[0] + " is no kind; remoractl effective --help lists them");
  const auto body = admin_get(admin_address(arguments), std::string("/debug/configz?kind=") + kind);
  boost::system::error_code error;
  const json::value list = body.ok() ? json::parse(*body, error) : json::value();
  if (!body.ok() || error || !list.is_array()) {
    return fail(body.ok() ? "the control plane's answer is not understood" : body.error().message);
  }
  size_t found = 0;
  for (const json::value& resource : list.as_array()) {
    if (words.size() == 2 && name_of(resource) != words[1]) continue;
    ++found;
    std::puts(json::serialize(resource).c_str());
  }
  if (found == 0) std::fputs("nothing found\n", stderr);
  return found > 0 ? kGood : kBad;
}

}  // namespace remora::ctl
