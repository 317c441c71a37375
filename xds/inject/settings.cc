#include "inject/settings.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "istio/text/scalar.h"

namespace remora::inject {
namespace {

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_host_port(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const auto port = istio::parse_integer(text.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

}  // namespace

bool is_quantity(const std::string& text) {
  static constexpr std::array<std::string_view, 14> kUnits{"",  "m", "k",  "M",  "G",  "T",  "P",
                                                           "E", "n", "Ki", "Mi", "Gi", "Ti", "Pi"};
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = std::string_view(text).substr(0, end);
  if (number.empty() || number.front() == '.' || std::count(number.begin(), number.end(), '.') > 1)
    return false;
  return std::find(kUnits.begin(), kUnits.end(), text.substr(end)) != kUnits.end();
}

Result<void> check(const Settings& settings) {
  if (settings.image.empty()) return Error{"image: must not be empty"};
  if (!is_host_port(settings.discovery_address)) {
    return Error{"discovery address: \"" + settings.discovery_address + "\" is not HOST:PORT"};
  }
  if (!is_one_of(settings.address_family, {"ipv4", "ipv6", "dual"})) {
    return Error{"address family: \"" + settings.address_family + "\" is none of ipv4, ipv6 and dual"};
  }
  if (!is_one_of(settings.capture.mode, {"REDIRECT", "TPROXY", "NONE"})) {
    return Error{"interception mode: \"" + settings.capture.mode + "\" is none of REDIRECT, TPROXY and NONE"};
  }
  if (!is_one_of(settings.image_pull_policy, {"", "Always", "IfNotPresent", "Never"})) {
    return Error{"image pull policy: \"" + settings.image_pull_policy +
                 "\" is none of Always, IfNotPresent and Never"};
  }
  const Resources& resources = settings.resources;
  for (const std::string* amount :
       {&resources.cpu, &resources.memory, &resources.cpu_limit, &resources.memory_limit}) {
    if (!amount->empty() && !is_quantity(*amount)) {
      return Error{"resources: \"" + *amount + "\" is no amount, as in 100m or 128Mi"};
    }
  }
  return {};
}

}  // namespace remora::inject
