#include "client/log.h"

#include <spdlog/spdlog.h>

namespace remora::xds {

void log(LogLevel level, const std::string& text) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn};
  const auto logger = spdlog::get("xds");
  if (logger)
    logger->log(kLevels[static_cast<size_t>(level)], spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace remora::xds
