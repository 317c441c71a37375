#pragma once

#include <string>

namespace remora::xds {

/// docs/supported-fields.md: what field_rules.h says of every message, as a document for users.
std::string supported_fields_document();

}  // namespace remora::xds
