#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/refusal.h"
#include "store/object.h"

namespace remora::kube {

/// Which objects a list, a watch or a deletion of a collection means.
class Selector {
 public:
  /// 400 for what cannot be read, and for fields that nothing can be selected by.
  static Outcome<Selector> parse(std::string_view labels, std::string_view fields);

  bool matches(const store::Object& object) const;
  bool everything() const { return labels_.empty() && fields_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kAbsent, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values = {};
  };
  class Parser;

  static bool holds(const Requirement& requirement, const std::string* value);

  std::vector<Requirement> labels_;
  std::vector<Requirement> fields_;
};

}  // namespace remora::kube
