#pragma once

#include <string>

#include "translate/listener.h"

namespace google::protobuf {
class Any;
}

namespace remora::xds {

/// Puts what has come for the filters of that key into a listener; null: nothing (any more), so that they are
/// what they are without. All else of it stays the very same, so that live connections go on. False, with
/// errors recorded and nothing changed: one of them does not take it.
bool set_extension(TranslatedListener& listener, const std::string& key, const google::protobuf::Any* config,
                   Context& context);

}  // namespace remora::xds
