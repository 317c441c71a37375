#include "translate/yaml_document.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>

#include "remora/core/format.h"

namespace remora::xds {
namespace {

constexpr std::string_view kQuotedTag = "!";
/// Beyond this a JSON number would lose digits on its way through a double.
constexpr int64_t kMaxExactInteger = int64_t{1} << 53;

std::string place(std::string_view origin, const YAML::Mark& mark) {
  return std::string(origin) + ": line " + std::to_string(mark.line + 1) + ", column " +
         std::to_string(mark.column + 1);
}

/// A map key that is there twice: yaml-cpp keeps both, and which one counts would be chance.
std::optional<YAML::Node> find_duplicate_key(const YAML::Node& node) {
  if (node.IsSequence()) {
    for (const auto& entry : node) {
      if (auto found = find_duplicate_key(entry)) return found;
    }
  }
  if (!node.IsMap()) return std::nullopt;
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (entry.first.IsScalar() && !seen.insert(entry.first.Scalar()).second) return entry.first;
    if (auto found = find_duplicate_key(entry.second)) return found;
  }
  return std::nullopt;
}

void append_string(const std::string& text, std::string& out) {
  out += '"';
  append_json_escaped(text, out);
  out += '"';
}

bool append_number(const std::string& text, std::string& out) {
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (const auto result = std::from_chars(text.data(), end, integer);
      result.ec == std::errc() && result.ptr == end) {
    if (integer > kMaxExactInteger || integer < -kMaxExactInteger) return false;
    out += std::to_string(integer);
    return true;
  }
  double number = 0;
  const auto result = std::from_chars(text.data(), end, number);
  const bool is_number = result.ec == std::errc() && result.ptr == end &&
                         text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (!is_number) return false;
  std::ostringstream stream;
  stream.precision(17);
  stream << number;
  out += stream.str();
  return true;
}

void append_scalar(const YAML::Node& node, std::string& out) {
  const std::string& text = node.Scalar();
  if (node.Tag() == kQuotedTag) {
    append_string(text, out);
  } else if (text == "true" || text == "True" || text == "TRUE") {
    out += "true";
  } else if (text == "false" || text == "False" || text == "FALSE") {
    out += "false";
  } else if (!append_number(text, out)) {
    append_string(text, out);
  }
}

void append(const YAML::Node& node, std::string& out);

void append_map(const YAML::Node& node, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& entry : node) {
    if (!std::exchange(first, false)) out += ',';
    append_string(entry.first.IsScalar() ? entry.first.Scalar() : "", out);
    out += ':';
    append(entry.second, out);
  }
  out += '}';
}

void append_list(const YAML::Node& node, std::string& out) {
  out += '[';
  bool first = true;
  for (const auto& entry : node) {
    if (!std::exchange(first, false)) out += ',';
    append(entry, out);
  }
  out += ']';
}

void append(const YAML::Node& node, std::string& out) {
  switch (node.Type()) {
    case YAML::NodeType::Map: return append_map(node, out);
    case YAML::NodeType::Sequence: return append_list(node, out);
    case YAML::NodeType::Scalar: return append_scalar(node, out);
    default: out += "null";
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) return Error{path + ": cannot be read: it is a folder"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{path + ": cannot be read"};
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return Error{path + ": cannot be read"};
  return text;
}

Result<YAML::Node> parse_yaml(const std::string& text, std::string_view origin) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return YAML::Node(YAML::NodeType::Map);
    if (documents.size() > 1)
      return Error{place(origin, documents[1].Mark()) + ": only one document is expected"};
    if (const auto twice = find_duplicate_key(documents[0])) {
      return Error{place(origin, twice->Mark()) + ": the key '" + twice->Scalar() + "' is there twice"};
    }
    return documents[0];
  } catch (const YAML::Exception& error) {
    return Error{place(origin, error.mark) + ": " + error.msg};
  }
}

void make_string(YAML::Node node) { node.SetTag(std::string(kQuotedTag)); }  // NOLINT: a copy of the handle

std::string to_json(const YAML::Node& node) {
  std::string out;
  append(node, out);
  return out;
}

}  // namespace remora::xds
