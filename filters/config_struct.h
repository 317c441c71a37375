#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "common/proto_config.h"
#include "remora/core/clock.h"

namespace google::protobuf {
class Struct;
class Value;
}  // namespace google::protobuf

namespace remora::filters {

/// Reads the configuration of a filter that has no message of its own: the google.protobuf.Struct of a
/// TypedStruct. Every method leaves `out` as it is where the field is absent, and reports an error under the
/// field's path where it cannot be taken.
class StructReader {
 public:
  /// source.bytes is the serialized Struct.
  StructReader(const FilterSource& source, ConfigReport& report);
  ~StructReader();

  /// "0.1s", from a millisecond to a day.
  void read(const std::string& field, Milliseconds& out);
  /// A number from `least` to `most`.
  void read(const std::string& field, double least, double most, double& out);
  /// A whole number from `least` to `most`.
  void read(const std::string& field, uint32_t least, uint32_t most, uint32_t& out);
  /// Fields that nobody has asked for are errors.
  void finish();

 private:
  const google::protobuf::Value* find(const std::string& field);
  void refuse(const std::string& field, const std::string& message);
  bool number(const std::string& field, double least, double most, bool whole, double& out);

  const std::string path_;
  ConfigReport& report_;
  std::unique_ptr<google::protobuf::Struct> fields_;
  std::set<std::string> asked_;
};

}  // namespace remora::filters
