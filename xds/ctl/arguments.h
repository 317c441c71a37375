#pragma once

#include <map>
#include <string>
#include <vector>

#include "remora/core/result.h"

namespace remora::ctl {

struct Flag {
  std::string name;       ///< "--namespace"
  std::string shorthand;  ///< "-n"; may be empty
  std::string value;      ///< what the help calls its value; empty for a switch
  std::string help;
};

/// What stands on the command line after the command's name.
class Arguments {
 public:
  std::vector<std::string> words;  ///< what is no flag

  void set(const std::string& flag, std::string value) { values_[flag].push_back(std::move(value)); }
  bool has(const std::string& flag) const { return values_.contains(flag); }
  /// The last value given; `otherwise` where the flag is not there.
  std::string get(const std::string& flag, std::string otherwise = "") const;
  std::vector<std::string> all(const std::string& flag) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

/// "--flag VALUE", "--flag=VALUE", "-f VALUE" and "-fVALUE" are the same; after "--" nothing is a flag. A
/// lone
/// "-" is a word, or a value.
Result<Arguments> parse_arguments(const std::vector<std::string>& words, const std::vector<Flag>& flags);

}  // namespace remora::ctl
