#include "ctl/arguments.h"

#include <algorithm>

namespace remora::ctl {
namespace {

struct Found {
  const Flag* flag = nullptr;
  bool has_value = false;
  std::string value;  ///< what came with it in the same word
};

/// Which flag a word is: null where there is none of that name.
Found find_flag(const std::string& word, const std::vector<Flag>& flags) {
  const auto named = [&](const std::string& name) {
    const auto found = std::find_if(flags.begin(), flags.end(),
                                    [&](const Flag& f) { return f.name == name || f.shorthand == name; });
    return found == flags.end() ? nullptr : &*found;
  };
  if (const Flag* whole = named(word)) return {whole};
  const size_t equals = word.find('=');
  if (equals != std::string::npos && named(word.substr(0, equals)) != nullptr) {
    return {named(word.substr(0, equals)), true, word.substr(equals + 1)};
  }
  if (word.starts_with("--")) return {};
  const Flag* joined = named(word.substr(0, 2));
  if (joined == nullptr || joined->value.empty()) return {};
  return {joined, true, word.substr(2)};
}

}  // namespace

std::string Arguments::get(const std::string& flag, std::string otherwise) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return otherwise;
  return found->second.back();
}

std::vector<std::string> Arguments::all(const std::string& flag) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<Arguments> parse_arguments(const std::vector<std::string>& words, const std::vector<Flag>& flags) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      arguments.words.insert(arguments.words.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                             words.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      arguments.words.push_back(word);
      continue;
    }
    Found found = find_flag(word, flags);
    if (found.flag == nullptr) return Error{"unknown flag " + word};
    if (found.flag->value.empty()) {
      if (found.has_value) return Error{found.flag->name + " takes no value"};
    } else if (!found.has_value) {
      if (++i == words.size()) return Error{found.flag->name + " needs a value: " + found.flag->value};
      found.value = words[i];
    }
    arguments.set(found.flag->name, std::move(found.value));
  }
  return arguments;
}

}  // namespace remora::ctl
