#include "istio/model/locality_balancing.h"

namespace remora::istio {

Place parse_place(const std::string& text) {
  const size_t first = text.find('/');
  const size_t second = first == std::string::npos ? first : text.find('/', first + 1);
  Place place{text.substr(0, first), {}, {}};
  if (first != std::string::npos) place.zone = text.substr(first + 1, second - first - 1);
  if (second != std::string::npos) place.sub_zone = text.substr(second + 1);
  return place;
}

bool is_at(const Place& place, const Place& rule) {
  const auto fits = [](const std::string& own, const std::string& wanted) {
    return wanted.empty() || wanted == "*" || own == wanted;
  };
  return (rule.region == "*" || place.region == rule.region) && fits(place.zone, rule.zone) &&
         fits(place.sub_zone, rule.sub_zone);
}

}  // namespace remora::istio
