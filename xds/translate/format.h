#pragma once

#include <string_view>

#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "remora/config/local_reply.h"
#include "translate/context.h"

namespace remora::xds {

/// Standing at the text: what does not parse is an error there.
Format to_format(std::string_view text, Context& context);

/// Standing at the object. Errors: values that are neither texts nor objects.
JsonTemplate to_json_template(const google::protobuf::Struct& shape, Context& context);

/// Standing at the format.
BodyFormat to_body_format(const envoy::config::core::v3::SubstitutionFormatString& format, Context& context);

}  // namespace remora::xds
