#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "remora/core/format.h"
#include "remora/core/result.h"

namespace remora {

/// One part of a Format: a fixed text, or something that reads a value from the exchange. Immutable.
struct Format::Operator {
  virtual ~Operator() = default;

  /// Appends the value. False: the exchange has none, and `out` is as it was.
  virtual bool append(const ExchangeInfo& info, std::string& out) const = 0;

  /// Appends the value as JSON; false as above. Text is a JSON string unless an operator knows better.
  virtual bool append_json(const ExchangeInfo& info, std::string& out) const;

  /// The text of a part that is fixed; null for operators.
  [[nodiscard]] virtual const std::string* literal() const { return nullptr; }
};

using OperatorPtr = std::shared_ptr<const Format::Operator>;

/// An operator as written: %NAME(argument):max_length%.
struct OperatorCall {
  std::string_view name;
  std::optional<std::string_view> argument;
  std::optional<size_t> max_length;
};

/// Makes the operator of that name. Errors say what is wrong with it, but not where it stands.
Result<OperatorPtr> make_operator(const OperatorCall& call);

}  // namespace remora
