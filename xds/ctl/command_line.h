#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"

namespace remora::ctl {

/// Splits a command as a shell would, without being one: blanks separate words, quotes and backslashes keep
/// characters as they are. Everything by which a shell would do more than start one program (; | & $ ` < >
/// and so on) is refused, not passed on as it is.
Result<std::vector<std::string>> split_command(std::string_view text);

/// The programs that a load tester may start: name -> path.
class AllowedPrograms {
 public:
  /// From "hey,h2load": names, looked for in PATH now. `missing` gets those that are not installed.
  static Result<AllowedPrograms> parse(const std::string& names, std::vector<std::string>& missing);

  /// The command with its program's full path as first word. An error where the program is not allowed, or an
  /// option would run a script, write a file or send one away.
  Result<std::vector<std::string>> resolve(std::string_view command) const;

 private:
  std::map<std::string, std::string> paths_;
};

}  // namespace remora::ctl
