#include "ctl/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace remora::ctl {
namespace {

constexpr size_t kMaxCommand = 16 * 1024;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

Error refused(char c) {
  const auto byte = static_cast<unsigned char>(c);
  const std::string what = byte < 0x20 ? "a control character" : std::string("an unquoted ") + c;
  return Error{"cmd: " + what + " is refused: commands are started without a shell"};
}

/// One pass over the text; `word_` grows until a blank ends it.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> run() {
    for (; at_ < text_.size(); ++at_) {
      auto taken = take(text_[at_]);
      if (!taken.ok()) return Error{std::move(taken).error()};
    }
    end_word();
    return std::move(words_);
  }

 private:
  Result<void> take(char c) {
    if (is_blank(c)) {
      end_word();
      return {};
    }
    if (static_cast<unsigned char>(c) < 0x20) return refused(c);
    if (c == '\'' || c == '"') return take_quoted(c);
    if (c == '\\') return take_escaped();
    const bool at_start = !in_word_ && (c == '#' || c == '~');
    if (at_start || std::string_view(";|&$`<>()").find(c) != std::string_view::npos) return refused(c);
    add(c);
    return {};
  }

  Result<void> take_quoted(char quote) {
    in_word_ = true;
    while (++at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return refused(c);
      if (quote == '"' && (c == '$' || c == '`')) return refused(c);
      // In double quotes a backslash stands for itself, except before a quote or another backslash.
      const bool escapes = quote == '"' && c == '\\' && at_ + 1 < text_.size() &&
                           (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
      add(escapes ? text_[++at_] : c);
    }
    if (at_ == text_.size()) return Error{std::string("cmd: a ") + quote + " is not closed"};
    return {};
  }

  Result<void> take_escaped() {
    if (++at_ == text_.size()) return Error{"cmd: ends with a backslash"};
    if (static_cast<unsigned char>(text_[at_]) < 0x20) return refused(text_[at_]);
    add(text_[at_]);
    return {};
  }

  void add(char c) {
    in_word_ = true;
    word_ += c;
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;
};

/// Options with which a load generator would run a script, write a file, or read one that it then sends.
const std::map<std::string, std::vector<std::string>>& file_options() {
  static const std::map<std::string, std::vector<std::string>> kOptions{
      {"wrk", {"-s", "--script"}},
      {"hey", {"-D", "--D"}},
      {"h2load", {"-d", "--data", "-i", "--input-file", "--log-file", "--qlog-file-base", "--script-file"}},
      {"ghz",
       {"--config", "-D", "--data-file", "-B", "--binary-file", "-M", "--metadata-file", "-o", "--output"}},
  };
  return kOptions;
}

/// "-s x", "-sx", "--script x", "--script=x" and an abbreviation of a long option ("--scr") alike.
bool is_option(const std::string& word, const std::string& option) {
  if (!option.starts_with("--")) return word.starts_with(option) && !word.starts_with("--");
  const std::string name = word.substr(0, word.find('='));
  return name.size() > 2 && name.starts_with("--") && option.starts_with(name);
}

std::string find_in_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    std::string candidate = path.substr(start, end - start) + "/" + name;
    if (candidate.front() == '/' && access(candidate.c_str(), X_OK) == 0) return candidate;
    start = end + 1;
  }
  return "";
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view text) {
  if (text.size() > kMaxCommand) return Error{"cmd: is longer than 16 KiB"};
  return Splitter(text).run();
}

Result<AllowedPrograms> AllowedPrograms::parse(const std::string& names, std::vector<std::string>& missing) {
  AllowedPrograms programs;
  for (size_t start = 0; start <= names.size();) {
    const size_t end = std::min(names.find(',', start), names.size());
    const std::string name = names.substr(start, end - start);
    if (name.empty() || name.find('/') != std::string::npos) {
      return Error{"--allow: \"" + name + "\" is no program's name"};
    }
    const std::string path = find_in_path(name);
    if (path.empty()) missing.push_back(name);
    if (!path.empty()) programs.paths_[name] = path;
    start = end + 1;
  }
  return programs;
}

Result<std::vector<std::string>> AllowedPrograms::resolve(std::string_view command) const {
  auto words = split_command(command);
  if (!words.ok()) return words;
  if (words->empty()) return Error{"cmd: is empty"};
  const std::string name = words->front();
  const auto program = paths_.find(name);
  if (program == paths_.end()) return Error{"cmd: \"" + name + "\" is not among the programs of --allow"};
  const auto options = file_options().find(name);
  for (size_t i = 1; options != file_options().end() && i < words->size(); ++i) {
    for (const std::string& option : options->second) {
      if (is_option((*words)[i], option)) {
        return Error{"cmd: " + name + "'s " + option + " is refused: it reads or writes files"};
      }
    }
  }
  words->front() = program->second;
  return words;
}

}  // namespace remora::ctl
