// Boost.JSON is used header-only, so one translation unit holds its body; whoever uses it links remora_json.
#include <boost/json/src.hpp>
