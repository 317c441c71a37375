#pragma once

#include <re2/re2.h>

namespace remora {

/// How every pattern of a configuration is compiled, alone or in a set: both must accept the same texts.
re2::RE2::Options regex_options();

}  // namespace remora
