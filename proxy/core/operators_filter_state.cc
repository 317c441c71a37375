// %FILTER_STATE(KEY:FORM):Z%: what a filter has left under a key.

#include <string>
#include <utility>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/http/filter_state.h"

namespace remora {
namespace {

/// As protobuf writes a text as JSON: what could begin or end a tag is escaped as well.
void append_typed(std::string_view text, std::string& out) {
  out.push_back('"');
  while (!text.empty()) {
    const size_t tag = text.find_first_of("<>");
    append_json_escaped(text.substr(0, tag), out);
    if (tag == std::string_view::npos) break;
    out.append(text[tag] == '<' ? "\\u003c" : "\\u003e");
    text.remove_prefix(tag + 1);
  }
  out.push_back('"');
}

struct FilterStateOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const std::string* const value = find(info);
    if (value == nullptr) return false;
    const size_t begin = out.size();
    if (plain) {
      out.append(*value);
    } else {
      append_typed(*value, out);
    }
    if (max_length && out.size() - begin > *max_length) out.resize(begin + *max_length);
    return true;
  }

  bool append_json(const ExchangeInfo& info, std::string& out) const override {
    if (plain) return Operator::append_json(info, out);
    return append(info, out);  // typed: the text as JSON has it
  }

  [[nodiscard]] const std::string* find(const ExchangeInfo& info) const {
    return info.filter_state == nullptr ? nullptr : info.filter_state->find(key);
  }

  std::string key;
  bool plain = false;
  std::optional<size_t> max_length;
};

}  // namespace

Result<OperatorPtr> make_filter_state(const OperatorCall& call) {
  auto made = std::make_shared<FilterStateOperator>();
  const std::string_view argument = *call.argument;
  const size_t colon = argument.find(':');
  made->key = argument.substr(0, colon);
  const std::string_view form = colon == std::string_view::npos ? "TYPED" : argument.substr(colon + 1);
  if (made->key.empty()) return Error{"its argument names no object"};
  if (form.starts_with("FIELD:"))
    return make_unset(call);  // the objects of this build are texts, without fields
  if (form != "TYPED" && form != "PLAIN")
    return Error{"the second part of its argument must be PLAIN, TYPED, or FIELD with a name"};
  made->plain = form == "PLAIN";
  made->max_length = call.max_length;
  return OperatorPtr(std::move(made));
}

}  // namespace remora
