#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"

namespace remora::xds {

/// A path with variables, of Envoy's extension uri_template: /users/{id}/files/{path=**}. Between slashes
/// stand plain text, `*` (one segment), `**` (any number of them) or {name}, which is `*`, or {name=...} with
/// any of these; behind the last of them may stand plain text as a suffix. At most five variables, each once,
/// with names of at most 16 characters; nothing open behind `**`.
struct UriTemplate {
  std::string expression;              ///< RE2: the whole path, a group for each variable
  std::vector<std::string> variables;  ///< in the order of the groups
};

/// Errors: what breaks the rules above.
Result<UriTemplate> parse_uri_template(std::string_view text);

/// A rewrite in the variables of a template, /{path}/of/{id}, as a substitution for its groups. Errors: a
/// variable that the template has not, a missing or double slash, characters that no path may have.
Result<std::string> to_substitution(std::string_view rewrite, const UriTemplate& of);

}  // namespace remora::xds
