#pragma once

#include "translate/context.h"

namespace google::protobuf {
class Message;
}

namespace remora::xds {

/// Looks at every field that is set in `message`, and in the messages it holds (packed ones with their real
/// type), and records what this build does not implement (field_rules.h), what cannot have an effect, and
/// what breaks Envoy's own validation rules, which travel in the descriptors of its protos. This is what
/// makes configuration honest: translators only ever see messages that went through here.
void check_fields(const google::protobuf::Message& message, Context& context);

/// Whether field_rules.h says anything of the message's type.
bool has_rules(const google::protobuf::Message& message);

}  // namespace remora::xds
