#include "kube/accept.h"

#include <algorithm>

namespace remora::kube {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Takes what is before the next `separator` off the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return trimmed(part);
}

/// One alternative of an Accept header.
struct Range {
  std::string_view type, as, group, version;
};

Range parse_range(std::string_view text) {
  Range range{.type = take(text, ';')};
  while (!text.empty()) {
    std::string_view value = take(text, ';');
    const std::string_view name = take(value, '=');
    if (name == "as") range.as = value;
    if (name == "g") range.group = value;
    if (name == "v") range.version = value;
  }
  return range;
}

std::optional<Accept::Form> form_of(const Range& range, Offer offer) {
  using Form = Accept::Form;
  if (range.type != "application/json" && range.type != "application/*" && range.type != "*/*") return {};
  if (range.as.empty()) return Form::kObject;
  if (offer == Offer::kDiscovery && range.group == "apidiscovery.k8s.io" &&
      range.as == "APIGroupDiscoveryList" && (range.version == "v2" || range.version == "v2beta1")) {
    return Form::kDiscovery;
  }
  const bool of_meta = range.group == "meta.k8s.io" && (range.version == "v1" || range.version == "v1beta1");
  if (offer != Offer::kObjects || !of_meta) return {};
  if (range.as == "Table") return Form::kTable;
  if (range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList") return Form::kPartial;
  return {};
}

}  // namespace

std::optional<Accept> negotiate(std::string_view header, Offer offer) {
  if (trimmed(header).empty()) header = "*/*";
  while (!header.empty()) {
    const Range range = parse_range(take(header, ','));
    const auto form = form_of(range, offer);
    if (!form) continue;
    Accept accept{.form = *form, .version = std::string(range.version), .content_type = "application/json"};
    if (*form == Accept::Form::kDiscovery) {
      accept.content_type.append(";g=apidiscovery.k8s.io;v=")
          .append(range.version)
          .append(";as=")
          .append(range.as);
    }
    return accept;
  }
  return std::nullopt;
}

}  // namespace remora::kube
