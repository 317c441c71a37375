// Boost.JSON is used header-only, so one translation unit holds its body; programs that link this library
// have it.
#include <boost/json/src.hpp>
