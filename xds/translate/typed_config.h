#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace google::protobuf {
class Any;
class Message;
}  // namespace google::protobuf

namespace remora::xds {

class Context;

/// An extension's configuration as it stands in an Any, with TypedStruct (udpa and xds) taken off.
struct TypedConfig {
  std::string type_url;  // of the configuration itself: the inner one of a TypedStruct
  std::string bytes;     // serialized; with `is_struct`: of a google.protobuf.Struct
  bool is_struct = false;
  /// The parsed message; null if this build does not know the type, or `error` says why it could not be read.
  std::unique_ptr<google::protobuf::Message> message;
  std::string error;

  /// The type's name without the URL's host.
  [[nodiscard]] std::string_view type_name() const;
};

/// Unwraps and parses. A TypedStruct whose inner type is known becomes a message of that type.
TypedConfig unpack(const google::protobuf::Any& any);

/// Records why an extension cannot be used: no configuration, an unreadable one, or a type that is not of
/// this build. `what` is the kind of extension ("network filter"), `name` its instance name.
void refuse_extension(std::string_view what, const std::string& name, const TypedConfig& config,
                      Context& context);

/// "type.googleapis.com/a.b.C" -> "a.b.C"
std::string_view type_name_of(std::string_view type_url);

/// A message of a type that is linked into this program; null if there is none of that name.
std::unique_ptr<google::protobuf::Message> make_message(std::string_view type_name);

}  // namespace remora::xds
