#include "kube/json_patch.h"

#include <boost/json/value.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/limits.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

/// An RFC 6901 pointer, unescaped.
struct Pointer {
  std::string text;
  std::vector<std::string> tokens;
};

Result<Pointer> parse_pointer(std::string_view text) {
  Pointer pointer{std::string(text), {}};
  if (text.empty()) return pointer;
  if (text[0] != '/') return Error{"path \"" + pointer.text + "\" must begin with /"};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      pointer.tokens.emplace_back();
    } else if (text[i] != '~') {
      pointer.tokens.back() += text[i];
    } else if (i + 1 < text.size() && (text[i + 1] == '0' || text[i + 1] == '1')) {
      pointer.tokens.back() += text[++i] == '0' ? '~' : '/';
    } else {
      return Error{"path \"" + pointer.text + "\" has a ~ that is neither ~0 nor ~1"};
    }
  }
  if (pointer.tokens.size() > kMaxDepth)
    return Error{"path \"" + pointer.text.substr(0, 100) + "...\" is too deep"};
  return pointer;
}

/// The place of `token` in a list of `size`; empty where it is none.
std::optional<size_t> index_in(std::string_view token, size_t size) {
  size_t index = 0;
  if (token.empty() || (token[0] == '0' && token.size() > 1)) return {};
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size() || index >= size) return {};
  return index;
}

/// The value under `token`; null where there is none.
json::value* child(json::value& parent, const std::string& token) {
  if (auto* object = parent.if_object()) return object->if_contains(token);
  auto* array = parent.if_array();
  if (array == nullptr) return nullptr;
  const auto index = index_in(token, array->size());
  return index ? &(*array)[*index] : nullptr;
}

/// The value that the first `count` tokens lead to; null where they lead nowhere.
json::value* walk(json::value& root, const Pointer& pointer, size_t count) {
  json::value* at = &root;
  for (size_t i = 0; i < count && at != nullptr; ++i) at = child(*at, pointer.tokens[i]);
  return at;
}

json::value* find(json::value& root, const Pointer& pointer) {
  return walk(root, pointer, pointer.tokens.size());
}

Error missing(std::string_view operation, const Pointer& pointer) {
  return {std::string(operation) + " operation does not apply: doc is missing path: \"" + pointer.text +
          "\": missing value"};
}

Error bad_index(std::string_view operation, const Pointer& pointer) {
  return {std::string(operation) + " operation does not apply: Unable to access invalid index: " +
          pointer.tokens.back() + " in path: \"" + pointer.text + "\""};
}

/// What one patch may still cost, so that a few thousand operations on a large document do not keep everybody
/// else waiting.
struct Budget {
  size_t copied_bytes = kMaxBodyBytes;
  size_t work = 50'000'000;  ///< values moved or looked at

  bool spend(size_t amount) {
    if (amount > work) return false;
    work -= amount;
    return true;
  }
};

Error too_costly() { return {"the operations of this patch cost too much: use a merge patch"}; }

Result<void> add(json::value& root, const Pointer& pointer, json::value what, Budget& budget) {
  if (pointer.tokens.size() + depth_of(what) > kMaxDepth) {
    return Error{"add operation does not apply: \"" + pointer.text + "\" would nest too deep"};
  }
  if (pointer.tokens.empty()) {
    root = std::move(what);
    return {};
  }
  json::value* parent = walk(root, pointer, pointer.tokens.size() - 1);
  const std::string& last = pointer.tokens.back();
  if (parent != nullptr && parent->is_object()) {
    parent->get_object()[last] = std::move(what);
    return {};
  }
  if (parent == nullptr || !parent->is_array()) return missing("add", pointer);
  json::array& array = parent->get_array();
  const auto index = last == "-" ? array.size() : index_in(last, array.size() + 1);
  if (!index) return bad_index("add", pointer);
  if (!budget.spend(array.size() - *index)) return too_costly();
  array.insert(array.begin() + static_cast<std::ptrdiff_t>(*index), std::move(what));
  return {};
}

/// Takes the value at `pointer` out.
Result<json::value> take(json::value& root, const Pointer& pointer, std::string_view operation,
                         Budget& budget) {
  json::value* there = find(root, pointer);
  if (there == nullptr) return missing(operation, pointer);
  json::value taken = std::move(*there);
  if (pointer.tokens.empty()) {
    root = nullptr;
    return taken;
  }
  json::value* parent = walk(root, pointer, pointer.tokens.size() - 1);
  const std::string& last = pointer.tokens.back();
  if (auto* object = parent->if_object()) {
    if (!budget.spend(object->size())) return too_costly();
    object->stable_erase(object->find(last));
  } else {
    json::array& array = parent->get_array();
    if (!budget.spend(array.size())) return too_costly();
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(*index_in(last, array.size())));
  }
  return taken;
}

/// One operation after its fields were read.
struct Operation {
  std::string op;
  Pointer path;
  Pointer from;
  const json::value* value = nullptr;
};

Result<Pointer> read_pointer(const json::object& fields, std::string_view name) {
  const json::value* text = fields.if_contains(name);
  if (text == nullptr || !text->is_string()) {
    return Error{"operation needs \"" + std::string(name) + "\", a JSON pointer"};
  }
  return parse_pointer(text->get_string());
}

Result<Operation> read_operation(const json::value& value) {
  const auto* fields = value.if_object();
  if (fields == nullptr) return Error{"every operation of a JSON patch is an object"};
  const json::value* op = fields->if_contains("op");
  if (op == nullptr || !op->is_string()) return Error{"operation needs \"op\", a string"};
  Operation operation{std::string(op->get_string()), {}, {}, fields->if_contains("value")};
  auto path = read_pointer(*fields, "path");
  if (!path) return path.error();
  operation.path = std::move(*path);
  if (operation.op == "move" || operation.op == "copy") {
    auto from = read_pointer(*fields, "from");
    if (!from) return from.error();
    operation.from = std::move(*from);
  }
  const bool needs_value = operation.op == "add" || operation.op == "replace" || operation.op == "test";
  if (needs_value && operation.value == nullptr) {
    return Error{operation.op + " operation for path \"" + operation.path.text + "\" needs \"value\""};
  }
  return operation;
}

bool is_inside(const Pointer& inner, const Pointer& outer) {
  return inner.tokens.size() > outer.tokens.size() &&
         std::equal(outer.tokens.begin(), outer.tokens.end(), inner.tokens.begin());
}

Result<void> move(json::value& root, const Operation& operation, Budget& budget) {
  if (is_inside(operation.path, operation.from)) {
    return Error{"move operation does not apply: \"" + operation.from.text + "\" cannot go into itself"};
  }
  auto taken = take(root, operation.from, "move", budget);
  if (!taken) return taken.error();
  if (!budget.spend(size_of(*taken))) return too_costly();
  return add(root, operation.path, std::move(*taken), budget);
}

Result<void> copy(json::value& root, const Operation& operation, Budget& budget) {
  const json::value* there = find(root, operation.from);
  if (there == nullptr) return missing("copy", operation.from);
  const size_t size = size_of(*there);
  if (size > budget.copied_bytes)
    return Error{"copy operation does not apply: the copies of this patch are too large"};
  budget.copied_bytes -= size;
  return add(root, operation.path, *there, budget);
}

Result<void> replace(json::value& root, const Operation& operation) {
  json::value* there = find(root, operation.path);
  if (there == nullptr) return missing("replace", operation.path);
  if (operation.path.tokens.size() + depth_of(*operation.value) > kMaxDepth) {
    return Error{"replace operation does not apply: \"" + operation.path.text + "\" would nest too deep"};
  }
  *there = *operation.value;
  return {};
}

Result<void> carry_out(json::value& root, const Operation& operation, Budget& budget) {
  if (operation.op == "add") return add(root, operation.path, *operation.value, budget);
  if (operation.op == "replace") return replace(root, operation);
  if (operation.op == "move") return move(root, operation, budget);
  if (operation.op == "copy") return copy(root, operation, budget);
  if (operation.op == "remove") {
    auto taken = take(root, operation.path, "remove", budget);
    return taken ? Result<void>() : Result<void>(taken.error());
  }
  if (operation.op != "test") return Error{"Unexpected kind: " + operation.op};
  // As the library that Kubernetes uses: what is not there equals null.
  const json::value* there = find(root, operation.path);
  if (there != nullptr ? *there == *operation.value : operation.value->is_null()) return {};
  return Error{"testing value " + operation.path.text + " failed: test failed"};
}

}  // namespace

Result<void> json_patch(json::value& target, const json::value& patch) {
  const auto* operations = patch.if_array();
  if (operations == nullptr) return Error{"a JSON patch is a list of operations"};
  json::value result = target;
  Budget budget;
  for (const json::value& item : *operations) {
    const auto operation = read_operation(item);
    if (!operation) return operation.error();
    if (auto done = carry_out(result, *operation, budget); !done) return done;
  }
  target = std::move(result);
  return {};
}

}  // namespace remora::kube
