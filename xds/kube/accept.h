#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace remora::kube {

/// In which of its forms a client wants an answer: what its Accept header asks for, as far as it can be had.
struct Accept {
  enum class Form { kObject, kTable, kPartial, kDiscovery };
  Form form = Form::kObject;
  std::string version;       ///< of the form: "v1", "v2beta1"
  std::string content_type;  ///< what the answer says it is
};

/// What forms an answer can take.
enum class Offer { kJson, kObjects, kDiscovery };

/// The first of the forms named in `header` that is on offer; nothing: 406.
std::optional<Accept> negotiate(std::string_view header, Offer offer);

}  // namespace remora::kube
