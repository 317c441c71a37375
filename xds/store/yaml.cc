#include "store/yaml.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "istio/text/scalar.h"
#include "istio/text/value.h"

namespace remora::store {
namespace {

namespace json = boost::json;

/// Whether YAML reads the bare word back as this very string. Narrower than YAML allows: everything else is
/// quoted.
bool is_plain(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto good = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
  };
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), good) &&
         istio::plain_scalar_type(std::string(text)) == istio::Value::Type::kString;
}

/// JSON's escapes are YAML's as well; only the solidus and what lies beyond the first plane would differ, and
/// those are written as they are.
std::string scalar(const json::value& value) {
  if (!value.is_string()) return json::serialize(value);
  const std::string_view text = value.get_string();
  return is_plain(text) ? std::string(text) : json::serialize(value);
}

/// Whether lines of text may stand as they are, below a "|": nothing in them is invisible or means
/// indentation.
bool is_block(const json::value& value) {
  if (!value.is_string()) return false;
  const std::string_view text = value.get_string();
  const size_t first_end = text.find('\n');
  if (first_end == 0 || first_end == std::string_view::npos || text.front() == ' ') return false;
  if (text.ends_with("\n\n") || text.ends_with(' ') || text.find(" \n") != std::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

bool is_inline(const json::value& value) {
  if (value.is_object()) return value.get_object().empty();
  if (value.is_array()) return value.get_array().empty();
  return true;
}

class Writer {
 public:
  std::string out;

  void write(const json::value& value, size_t indent) {
    if (value.is_object()) {
      write_map(value.get_object(), indent, false);
    } else if (value.is_array()) {
      write_list(value.get_array(), indent);
    } else {
      out += scalar(value) + '\n';
    }
  }

 private:
  /// "|" keeps the line break at the end, "|-" says that there is none.
  void write_block(std::string_view text, size_t indent) {
    out += text.ends_with('\n') ? "|\n" : "|-\n";
    for (size_t start = 0; start < text.size();) {
      const size_t end = std::min(text.find('\n', start), text.size());
      if (end > start) out.append(indent, ' ').append(text.substr(start, end - start));
      out += '\n';
      start = end + 1;
    }
  }

  void write_map(const json::object& map, size_t indent, bool first_is_placed) {
    for (const auto& [name, value] : map) {
      if (!first_is_placed) out.append(indent, ' ');
      first_is_placed = false;
      out += scalar(json::string(name)) + ':';
      if (is_block(value)) {
        out += ' ';
        write_block(value.get_string(), indent + 2);
      } else if (is_inline(value)) {
        out += ' ' + scalar(value) + '\n';
      } else {
        out += '\n';
        // Lists hang at their name's own column, as kubectl writes them.
        write(value, value.is_array() ? indent : indent + 2);
      }
    }
  }

  void write_list(const json::array& list, size_t indent) {
    for (const json::value& item : list) {
      out.append(indent, ' ').append("- ");
      if (is_block(item)) {
        write_block(item.get_string(), indent + 2);
      } else if (is_inline(item)) {
        out += scalar(item) + '\n';
      } else if (item.is_object()) {
        write_map(item.get_object(), indent + 2, true);
      } else {
        out += json::serialize(item) + '\n';  // a list in a list: rare, and JSON is YAML
      }
    }
  }
};

/// Boost.JSON may miss the last binary digit of a long number, and what was stored must read back as the
/// same.
void set_numbers(const istio::Value& read, json::value& out) {
  if (out.is_double()) {
    if (const auto number = istio::parse_double(read.text)) out = *number;
  } else if (out.is_array()) {
    for (size_t i = 0; i < read.items.size(); ++i) set_numbers(read.items[i], out.get_array()[i]);
  } else if (out.is_object()) {
    for (const auto& [name, value] : read.fields) set_numbers(value, out.get_object()[name]);
  }
}

}  // namespace

std::string to_yaml(const json::value& value) {
  if (is_inline(value)) return scalar(value) + '\n';
  Writer writer;
  writer.write(value, 0);
  return std::move(writer.out);
}

Result<json::value> from_yaml(const std::string& text) {
  const auto documents = istio::read_documents(text);
  if (const auto* fault = std::get_if<istio::SyntaxError>(&documents)) {
    return Error{"line " + std::to_string(fault->line) + ": " + fault->message};
  }
  const auto& list = std::get<0>(documents);
  if (list.size() != 1) return Error{"holds " + std::to_string(list.size()) + " documents, not one"};
  boost::system::error_code error;
  json::value value = json::parse(istio::to_json(list.front()), error);
  if (error) return Error{"holds a value that JSON cannot: " + error.message()};
  set_numbers(list.front(), value);
  return value;
}

}  // namespace remora::store
