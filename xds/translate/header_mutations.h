#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <string_view>
#include <vector>

#include "envoy/config/common/mutation_rules/v3/mutation_rules.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "remora/config/route.h"
#include "translate/context.h"

namespace remora::xds {

using HeaderOptions = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>;
using HeaderNames = google::protobuf::RepeatedPtrField<std::string>;

/// The additions and removals of one level. `add_field` and `remove_field` name the two fields in errors.
/// Errors: a format that does not parse; pseudo headers and Host, which no mutation may touch.
HeaderMutations to_header_mutations(const HeaderOptions& add, std::string_view add_field,
                                    const HeaderNames& remove, std::string_view remove_field,
                                    Context& context);

/// Standing at the message.
HeaderMutation to_header_mutation(const envoy::config::core::v3::HeaderValueOption& option, Context& context);

using HeaderEditList =
    google::protobuf::RepeatedPtrField<envoy::config::common::mutation_rules::v3::HeaderMutation>;
std::vector<HeaderEdit> to_header_edits(const HeaderEditList& edits, std::string_view field,
                                        Context& context);

/// Both directions of a message that carries them under the usual names.
template <typename Message>
HeaderMutations to_request_mutations(const Message& message, Context& context) {
  return to_header_mutations(message.request_headers_to_add(), "request_headers_to_add",
                             message.request_headers_to_remove(), "request_headers_to_remove", context);
}
template <typename Message>
HeaderMutations to_response_mutations(const Message& message, Context& context) {
  return to_header_mutations(message.response_headers_to_add(), "response_headers_to_add",
                             message.response_headers_to_remove(), "response_headers_to_remove", context);
}

}  // namespace remora::xds
