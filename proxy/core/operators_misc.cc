// Operators that neither read one field nor belong to a family.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/core/random.h"

namespace remora {
namespace {

struct Unset final : Format::Operator {
  bool append(const ExchangeInfo& /*info*/, std::string& /*out*/) const override { return false; }
};

// Details are one word in a log line: blanks become '_' unless asked for.
struct ResponseCodeDetails final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    if (info.details.empty()) return false;
    for (const char c : info.details) {
      const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
      out += blank && !keep_blanks ? '_' : c;
    }
    return true;
  }
  bool keep_blanks = false;
};

// Never without a value: no flag is "-".
struct Flags final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    if (long_names) {
      info.flags.append_long(out);
    } else {
      info.flags.append_short(out);
    }
    return true;
  }
  bool long_names = false;
};

// Read once, when the format is compiled: a process's environment does not change from outside.
struct EnvironmentVariable final : Format::Operator {
  bool append(const ExchangeInfo& /*info*/, std::string& out) const override {
    out.append(value);
    return true;
  }
  std::string value;
};

// A random UUID (RFC 9562, version 4), another one each time.
struct UniqueId final : Format::Operator {
  bool append(const ExchangeInfo& /*info*/, std::string& out) const override {
    thread_local Random random;
    constexpr std::string_view kHex = "0123456789abcdef";
    const std::array<uint64_t, 2> words{(random.next() & ~uint64_t{0xf000}) | 0x4000,
                                        (random.next() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62)};
    for (size_t digit = 0; digit < 32; ++digit) {
      if (digit == 8 || digit == 12 || digit == 16 || digit == 20) out += '-';
      out += kHex[(words[digit / 16] >> (60 - 4 * (digit % 16))) & 15];
    }
    return true;
  }
};

struct TimePoint {
  std::string_view name;
  MonotonicTime ExchangeInfo::*time;
};
constexpr TimePoint kTimePoints[] = {
    {"DS_RX_BEG", &ExchangeInfo::start},
    {"DS_RX_END", &ExchangeInfo::request_received},
    {"US_TX_BEG", &ExchangeInfo::upstream_first_sent},
    {"US_TX_END", &ExchangeInfo::upstream_last_sent},
    {"US_RX_BEG", &ExchangeInfo::upstream_first_received},
    {"US_RX_END", &ExchangeInfo::upstream_last_received},
    {"DS_TX_BEG", &ExchangeInfo::downstream_first_sent},
    {"DS_TX_END", &ExchangeInfo::end},
};

struct CommonDuration final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const MonotonicTime begin = info.*from;
    const MonotonicTime end = info.*to;
    if (begin == MonotonicTime{} || end == MonotonicTime{}) return false;
    const int64_t count = (end - begin) / unit;
    if (count < 0) out += '-';
    append_number(static_cast<uint64_t>(std::abs(count)), out);
    return true;
  }
  bool append_json(const ExchangeInfo& info, std::string& out) const override { return append(info, out); }

  MonotonicTime ExchangeInfo::*from = nullptr;
  MonotonicTime ExchangeInfo::*to = nullptr;
  std::chrono::nanoseconds unit{1};
};

Result<MonotonicTime ExchangeInfo::*> time_point(std::string_view name) {
  for (const TimePoint& point : kTimePoints) {
    if (point.name == name) return point.time;
  }
  return Error{"this build has no time point '" + std::string(name) + "'"};
}

std::string_view take_word(std::string_view& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view word = text.substr(0, colon);
  text.remove_prefix(std::min(colon + 1, text.size()));
  return word;
}

}  // namespace

Result<OperatorPtr> make_unset(const OperatorCall& /*call*/) {
  return OperatorPtr(std::make_shared<Unset>());
}

Result<OperatorPtr> make_response_code_details(const OperatorCall& call) {
  auto made = std::make_shared<ResponseCodeDetails>();
  const std::string_view argument = call.argument.value_or(std::string_view{});
  if (!argument.empty() && argument != "ALLOW_WHITESPACES")
    return Error{"its argument can only be ALLOW_WHITESPACES"};
  made->keep_blanks = !argument.empty();
  return OperatorPtr(std::move(made));
}

Result<OperatorPtr> make_response_flags(const OperatorCall& call) {
  auto made = std::make_shared<Flags>();
  made->long_names = call.name.ends_with("_LONG");
  return OperatorPtr(std::move(made));
}

Result<OperatorPtr> make_environment(const OperatorCall& call) {
  const char* const value = std::getenv(std::string(*call.argument).c_str());
  auto made = std::make_shared<EnvironmentVariable>();
  made->value = value == nullptr ? "-" : truncated(value, call.max_length);
  return OperatorPtr(std::move(made));
}

Result<OperatorPtr> make_unique_id(const OperatorCall& /*call*/) {
  return OperatorPtr(std::make_shared<UniqueId>());
}

Result<OperatorPtr> make_common_duration(const OperatorCall& call) {
  std::string_view rest = *call.argument;
  auto from = time_point(take_word(rest));
  if (!from) return std::move(from).error();
  auto to = time_point(take_word(rest));
  if (!to) return std::move(to).error();
  auto made = std::make_shared<CommonDuration>();
  made->from = *from;
  made->to = *to;
  if (rest == "ms") {
    made->unit = std::chrono::milliseconds(1);
  } else if (rest == "us") {
    made->unit = std::chrono::microseconds(1);
  } else if (rest != "ns") {
    return Error{"its third argument must be ms, us or ns"};
  }
  return OperatorPtr(std::move(made));
}

}  // namespace remora
