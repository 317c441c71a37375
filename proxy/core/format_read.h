#pragma once

#include <charconv>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/format_operator.h"

namespace remora {

inline void append_number(uint64_t number, std::string& out) {
  char digits[20];
  out.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
}

/// What a plain operator reads: nullopt is "no value". Texts live as long as the exchange's info.
using ReadNumber = std::optional<uint64_t> (*)(const ExchangeInfo&);
using ReadText = std::optional<std::string_view> (*)(const ExchangeInfo&);

/// An operator without arguments whose value one function reads.
template <auto Read>
struct ReadOperator final : Format::Operator {
  static constexpr bool kIsNumber = std::is_convertible_v<decltype(Read), ReadNumber>;

  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto value = Read(info);
    if (!value) return false;
    if constexpr (kIsNumber) {
      append_number(*value, out);
    } else {
      out.append(*value);
    }
    return true;
  }

  bool append_json(const ExchangeInfo& info, std::string& out) const override {
    if constexpr (kIsNumber) {
      return append(info, out);
    } else {
      return Operator::append_json(info, out);
    }
  }
};

template <auto Read>
Result<OperatorPtr> make_read(const OperatorCall& /*call*/) {
  return OperatorPtr(std::make_shared<const ReadOperator<Read>>());
}

/// `text` as far as an operator's length allows.
inline std::string_view truncated(std::string_view text, std::optional<size_t> max_length) {
  return max_length ? text.substr(0, *max_length) : text;
}

}  // namespace remora
