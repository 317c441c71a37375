#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>

#include "remora/core/result.h"

namespace remora::xds {

/// One YAML document (JSON is one too). `origin` names it in errors: a path, or "--config-yaml".
/// Errors: syntax, with line and column; more than one document; a key that is there twice.
Result<YAML::Node> parse_yaml(const std::string& text, std::string_view origin);

/// The whole file. Error: unreadable.
Result<std::string> read_file(const std::string& path);

/// Makes a scalar a string, whatever it looks like. `node` is a handle: the document changes.
void make_string(YAML::Node node);

/// The same document as JSON. Scalars written without quotes become booleans (true, false), numbers or null
/// where they look like one; all others, `n` and `yes` among them, are strings.
std::string to_json(const YAML::Node& node);

}  // namespace remora::xds
