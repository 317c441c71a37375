#include "remora/core/format.h"

#include <utility>

#include "core/format_operator.h"

namespace remora {
namespace {

struct Literal final : Format::Operator {
  explicit Literal(std::string_view fixed) : text(fixed) {}
  bool append(const ExchangeInfo& /*info*/, std::string& out) const override {
    out.append(text);
    return true;
  }
  [[nodiscard]] const std::string* literal() const override { return &text; }
  std::string text;
};

}  // namespace

bool Format::Operator::append_json(const ExchangeInfo& info, std::string& out) const {
  thread_local std::string text;
  text.clear();
  if (!append(info, text)) return false;
  out += '"';
  append_json_escaped(text, out);
  out += '"';
  return true;
}

Format::Format() = default;
Format::~Format() = default;
Format::Format(const Format&) = default;
Format& Format::operator=(const Format&) = default;
Format::Format(Format&&) noexcept = default;
Format& Format::operator=(Format&&) noexcept = default;

Format Format::literal(std::string_view text) {
  Format format;
  if (!text.empty()) format.parts_.push_back(std::make_shared<const Literal>(text));
  return format;
}

void Format::append(const ExchangeInfo& info, std::string_view unset, std::string& out) const {
  for (const auto& part : parts_) {
    if (!part->append(info, out)) out.append(unset);
  }
}

bool Format::single_operator() const { return parts_.size() == 1 && parts_[0]->literal() == nullptr; }

void Format::append_json(const ExchangeInfo& info, std::string& out) const {
  if (!parts_[0]->append_json(info, out)) out.append("null");
}

bool Format::is_literal() const {
  return parts_.empty() || (parts_.size() == 1 && parts_[0]->literal() != nullptr);
}

std::string_view Format::literal_text() const {
  return is_literal() && !parts_.empty() ? std::string_view(*parts_[0]->literal()) : std::string_view{};
}

}  // namespace remora
