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
/// protobuf's own reader would stop at the first slip and knows no lines.
std::vector<NameFinding> find_wrong_names(const YAML::Node& document,
                                          const google::protobuf::Descriptor& type);

}  // namespace remora::xds
