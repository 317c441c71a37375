#include "kube/selector.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <optional>

namespace remora::kube {
namespace {

namespace json = boost::json;

constexpr size_t kMaxRequirements = 128;

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool ends_word(char c) {
  return is_space(c) || std::string_view(",()=!<>").find(c) != std::string_view::npos;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> label(const store::Object& object, const std::string& key) {
  const json::value* at = object.body.if_contains("metadata");
  for (const std::string_view name : {std::string_view("labels"), std::string_view(key)}) {
    at = at != nullptr && at->is_object() ? at->get_object().if_contains(name) : nullptr;
  }
  if (at == nullptr || !at->is_string()) return std::nullopt;
  return std::string(at->get_string());
}

}  // namespace

/// Kubernetes' grammar: a, !a, a=b, a==b, a!=b, a in (b,c), a notin (b,c), a>1, a<1, joined by commas.
class Selector::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  /// False for what is none.
  bool parse(std::vector<Requirement>& out) {
    skip();
    while (!rest_.empty()) {
      Requirement next;
      if (out.size() >= kMaxRequirements || !requirement(next)) return false;
      out.push_back(std::move(next));
      skip();
      if (!rest_.empty() && !(take(",") && !rest_.empty())) return false;
    }
    return true;
  }

 private:
  void skip() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    skip();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    skip();
    return true;
  }
  std::string word() {
    skip();
    size_t end = 0;
    while (end < rest_.size() && !ends_word(rest_[end])) ++end;
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end);
    skip();
    return text;
  }

  bool requirement(Requirement& out) {
    if (take("!")) {
      out = {word(), Operator::kAbsent};
      return !out.key.empty();
    }
    out.key = word();
    if (out.key.empty()) return false;
    if (rest_.empty() || rest_.front() == ',') return true;
    if (take("==") || take("=")) return one(out, Operator::kIn);
    if (take("!=")) return one(out, Operator::kNotIn);
    if (take(">")) return one(out, Operator::kGreater) && number(out.values[0]);
    if (take("<")) return one(out, Operator::kLess) && number(out.values[0]);
    const std::string set = word();
    out.op = set == "in" ? Operator::kIn : Operator::kNotIn;
    return (set == "in" || set == "notin") && values(out);
  }
  bool one(Requirement& out, Operator op) {
    out.op = op;
    out.values = {word()};
    return true;
  }
  bool values(Requirement& out) {
    if (!take("(")) return false;
    do out.values.push_back(word());
    while (take(","));
    return take(")");
  }

  std::string_view rest_;
};

Outcome<Selector> Selector::parse(std::string_view labels, std::string_view fields) {
  Selector selector;
  if (!Parser(labels).parse(selector.labels_)) {
    return bad_request("unable to parse the label selector \"" + std::string(labels) + '"');
  }
  if (!Parser(fields).parse(selector.fields_)) {
    return bad_request("unable to parse the field selector \"" + std::string(fields) + '"');
  }
  for (const Requirement& field : selector.fields_) {
    const bool equality =
        field.values.size() == 1 && (field.op == Operator::kIn || field.op == Operator::kNotIn);
    const bool known = field.key == "metadata.name" || field.key == "metadata.namespace";
    if (!equality || !known) return bad_request("field label not supported: " + field.key);
  }
  return selector;
}

bool Selector::matches(const store::Object& object) const {
  const bool fields = std::all_of(fields_.begin(), fields_.end(), [&](const Requirement& field) {
    return holds(field, field.key == "metadata.name" ? &object.key.name : &object.key.ns);
  });
  return fields && std::all_of(labels_.begin(), labels_.end(), [&](const Requirement& requirement) {
           const auto value = label(object, requirement.key);
           return holds(requirement, value ? &*value : nullptr);
         });
}

bool Selector::holds(const Requirement& requirement, const std::string* value) {
  const auto& values = requirement.values;
  const bool among = value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  switch (requirement.op) {
    case Operator::kIn: return among;
    case Operator::kNotIn: return !among;
    case Operator::kExists: return value != nullptr;
    case Operator::kAbsent: return value == nullptr;
    case Operator::kGreater:
    case Operator::kLess: break;
  }
  const auto have = value != nullptr ? number(*value) : std::nullopt;
  if (!have) return false;
  return requirement.op == Operator::kGreater ? *have > *number(values[0]) : *have < *number(values[0]);
}

}  // namespace remora::kube
