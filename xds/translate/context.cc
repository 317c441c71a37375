#include "translate/context.h"

namespace remora::xds {

void Context::error(std::string_view field, std::string message) {
  const auto scope = in(field);
  error(std::move(message));
}

void Context::warning(std::string_view field, std::string message) {
  const auto scope = in(field);
  warning(std::move(message));
}

void Context::unsupported(std::string_view field, std::string_view what) {
  error(field, std::string(what) + " is not implemented by this build");
}

std::string Context::path() const {
  std::string text;
  for (const Step& step : steps_) {
    if (!text.empty()) text += '.';
    text += step.field;
    if (step.index != kNoIndex) text.append("[").append(std::to_string(step.index)).append("]");
    if (!step.key.empty()) text.append("[\"").append(step.key).append("\"]");
  }
  return text;
}

}  // namespace remora::xds
