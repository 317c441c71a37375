#include "field_list.h"

#include <algorithm>

namespace remora {

void append_to_list(HeaderMap& head, HeaderId id, std::string_view member) {
  const auto old = head.value_of(id);
  if (old.empty()) {
    head.set(id, member);
    return;
  }
  char* joined = head.allocate(old.size() + 1 + member.size());
  std::copy(old.begin(), old.end(), joined);
  joined[old.size()] = ',';
  std::copy(member.begin(), member.end(), joined + old.size() + 1);
  head.set(id, std::string_view(joined, old.size() + 1 + member.size()));
}

}  // namespace remora
