#include "kubernetes/raw_json.h"

namespace remora::kubernetes {
namespace {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  /// Skips space, and then `c` if it is there.
  bool take(char c) {
    at_ = text_.find_first_not_of(" \t\r\n", at_);
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// The next value's text; empty where there is none or it has no end.
  std::string_view value() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    const size_t begin = at_;
    if (at_ == text_.size()) return {};
    const char first = text_[at_];
    if (first == '{' || first == '[') {
      if (!skip_nested()) return {};
    } else if (first == '"') {
      if (!skip_string()) return {};
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  bool skip_string() {
    for (size_t i = at_ + 1; i < text_.size(); ++i) {
      i = text_.find_first_of("\"\\", i);
      if (i == std::string_view::npos) return false;
      if (text_[i] == '"') {
        at_ = i + 1;
        return true;
      }
      ++i;
    }
    return false;
  }

  bool skip_nested() {
    size_t depth = 0;
    while (at_ < text_.size()) {
      at_ = text_.find_first_of("\"{}[]", at_);
      if (at_ == std::string_view::npos) return false;
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      ++at_;
      depth += c == '{' || c == '[' ? 1 : -1;
      if (depth == 0) return true;
    }
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

bool for_each_member(std::string_view object,
                     const std::function<void(std::string_view name, std::string_view value)>& member) {
  Cursor cursor(object);
  if (!cursor.take('{')) return false;
  if (cursor.take('}')) return true;
  do {
    const std::string_view name = cursor.value();
    if (name.size() < 2 || name.front() != '"' || !cursor.take(':')) return false;
    const std::string_view value = cursor.value();
    if (value.empty()) return false;
    member(raw_string(name), value);
  } while (cursor.take(','));
  return cursor.take('}');
}

bool for_each_item(std::string_view array, const std::function<void(std::string_view item)>& item) {
  Cursor cursor(array);
  if (!cursor.take('[')) return false;
  if (cursor.take(']')) return true;
  do {
    const std::string_view value = cursor.value();
    if (value.empty()) return false;
    item(value);
  } while (cursor.take(','));
  return cursor.take(']');
}

std::string_view raw_string(std::string_view value) {
  return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : std::string_view();
}

}  // namespace remora::kubernetes
