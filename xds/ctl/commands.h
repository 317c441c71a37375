#pragma once

#include <string>
#include <vector>

// remoractl's commands. Each gets the arguments after its name and returns the program's exit code: 0 done
// and good, 1 something is wrong with what was looked at, 2 the command itself could not be carried out.
namespace remora::ctl {

inline constexpr int kGood = 0;
inline constexpr int kBad = 1;
inline constexpr int kFailed = 2;

int validate(const std::vector<std::string>& files);
int status(const std::vector<std::string>& arguments, const std::string& admin_address);
int get(const std::vector<std::string>& arguments, const std::string& admin_address);

}  // namespace remora::ctl
