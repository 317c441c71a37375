#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

namespace google::protobuf {
class Descriptor;
}

namespace remora::xds {

/// A key of a document that its message does not have, or a value of the wrong shape.
struct NameFinding {
  std::string path;  // "static_resources.listeners[0].nmae"
  std::string message;
  int line = 0;  // 1-based
  bool unknown_field = false;
};

/// Compares a document with the message it is meant for, into the types of packed messages ("@type"):
/// protobuf's own reader would stop at the first slip and knows no lines. Packed messages of types that are
/// not in this program are rewritten as TypedStruct, so that the document can be read and whoever needs the
/// message can refuse it by its place. Scalars are made what their field wants: a string field takes `8080`
/// and `no` as they are written.
std::vector<NameFinding> check_names(const YAML::Node& document, const google::protobuf::Descriptor& type);

}  // namespace remora::xds
