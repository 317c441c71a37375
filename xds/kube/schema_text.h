#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kube/schema.h"

namespace remora::kube {

/// Schemas by name, as schema texts define them.
using SchemaSet = std::map<std::string, SchemaPtr, std::less<>>;

/// Reads schemas from their text form into `out`. A line is a field; what belongs to it is indented by two
/// more:
///
///     Name object -- description            at the left margin: defines a schema
///       field! []@Other keys=name -- text   a required field: a list of another schema, merged by "name"
///
/// Types: string int int64 number bool time int-or-string any object, enum:A|B, []TYPE (list), map:TYPE, and
/// @Name of a schema that was defined before. Attributes: keys=A,B (a list merges by them), merge=A (the
/// key of strategic merges, where it is not the first of these), set, atomic, open, retain, default=TEXT.
/// Throws std::logic_error: the texts are part of the program.
void read_schemas(std::string_view text, SchemaSet& out);

/// The texts of this program.
std::string_view metadata_schemas();
std::string_view istio_schemas();
std::string_view flagger_schemas();
std::string_view core_schemas();
std::string_view pod_schemas();

}  // namespace remora::kube
