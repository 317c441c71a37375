// %START_TIME(FORMAT)%, %EMIT_TIME(FORMAT)% and their _LOCAL forms.

#include <string>
#include <utility>

#include "core/format_makers.h"
#include "core/time_format.h"

namespace remora {
namespace {

struct TimeOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const WallTime time = now ? std::chrono::system_clock::now() : info.start_wall;
    if (iso) {
      append_iso_time(time, out);
    } else {
      format.append(time, local, out);
    }
    return true;
  }
  TimeFormat format;
  bool iso = false;
  bool local = false;
  bool now = false;
};

constexpr std::string_view kIso = "%Y-%m-%dT%H:%M:%E3SZ";
constexpr std::string_view kIsoLocal = "%Y-%m-%dT%H:%M:%E3S%z";

}  // namespace

Result<OperatorPtr> make_start_time(const OperatorCall& call) {
  auto made = std::make_shared<TimeOperator>();
  made->now = call.name.starts_with("EMIT_");
  made->local = call.name.ends_with("_LOCAL");
  const std::string_view text = call.argument.value_or(std::string_view{});
  made->iso = !made->local && (text.empty() || text == kIso);
  auto format = TimeFormat::parse(text.empty() ? kIsoLocal : text);
  if (!format) return std::move(format).error();
  made->format = std::move(format).value();
  return OperatorPtr(std::move(made));
}

}  // namespace remora
