#pragma once

namespace google::protobuf {
class Message;
}

namespace remora::xds {

/// Takes away what nobody may read in a dump: whatever Envoy's protos mark as sensitive (private keys,
/// passwords, ticket keys), also inside packed messages. Texts and bytes become "[redacted]".
void redact(google::protobuf::Message& message);

}  // namespace remora::xds
