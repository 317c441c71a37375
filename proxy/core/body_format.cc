#include "remora/config/local_reply.h"

namespace remora {

void BodyFormat::append(const ExchangeInfo& info, std::string& out) const {
  if (!json) return text.append(info, "-", out);
  json_format.append(info, out);
  out += '\n';
}

}  // namespace remora
