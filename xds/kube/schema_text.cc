#include "kube/schema_text.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

namespace remora::kube {
namespace {

using Type = Schema::Type;

/// One line, cut into its parts.
struct Line {
  size_t depth = 0;
  std::string_view name;
  bool required = false;
  std::string_view type;
  std::vector<std::string_view> attributes;
  std::string_view description;
};

std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Line read_line(std::string_view text) {
  Line line;
  line.depth = text.find_first_not_of(' ') / 2;
  text.remove_prefix(line.depth * 2);
  if (const size_t dashes = text.find(" -- "); dashes != std::string_view::npos) {
    line.description = text.substr(dashes + 4);
    text = text.substr(0, dashes);
  }
  line.name = take_word(text);
  line.required = line.name.ends_with('!');
  if (line.required) line.name.remove_suffix(1);
  line.type = take_word(text);
  while (!text.empty()) line.attributes.push_back(take_word(text));
  return line;
}

class Reader {
 public:
  Reader(std::string_view text, SchemaSet& known) : known_(known) {
    for (std::string_view line : split(text, '\n')) {
      if (line.find_first_not_of(' ') != std::string_view::npos) lines_.push_back(read_line(line));
    }
  }

  void read_all() {
    while (at_ < lines_.size()) {
      const Line line = lines_[at_++];
      auto schema = read_type(line.type, line);
      if (!line.description.empty()) {
        auto described = std::make_shared<Schema>(*schema);
        described->description = line.description;
        schema = std::move(described);
      }
      known_[std::string(line.name)] = std::move(schema);
    }
  }

 private:
  /// The schema of a type's text; the lines that belong to it are those below it that are deeper.
  SchemaPtr read_type(std::string_view type, const Line& line) {
    if (type.starts_with('@')) return find(type.substr(1), line);
    auto schema = std::make_shared<Schema>();
    if (type.starts_with("[]")) {
      schema->type = Type::kList;
      schema->items = read_type(type.substr(2), without_attributes(line));
    } else if (type.starts_with("map:")) {
      schema->type = Type::kMap;
      schema->items = read_type(type.substr(4), without_attributes(line));
    } else if (type.starts_with("enum:")) {
      schema->type = Type::kString;
      for (const std::string_view word : split(type.substr(5), '|')) schema->words.emplace_back(word);
    } else if (type == "object") {
      schema->type = Type::kObject;
      schema->fields = read_fields(line.depth + 1);
    } else {
      set_scalar(*schema, type, line);
    }
    for (const std::string_view attribute : line.attributes) set_attribute(*schema, attribute, line);
    return schema;
  }

  std::vector<SchemaField> read_fields(size_t depth) {
    std::vector<SchemaField> fields;
    while (at_ < lines_.size() && lines_[at_].depth >= depth) {
      Line line = lines_[at_++];
      if (line.depth != depth) fail(line, "is indented too far");
      SchemaField field{std::string(line.name), line.required, std::string(line.description), {}, nullptr};
      std::erase_if(line.attributes, [&](std::string_view attribute) {
        if (!attribute.starts_with("default=")) return false;
        field.default_text = attribute.substr(8);
        return true;
      });
      field.schema = read_type(line.type, line);
      fields.push_back(std::move(field));
    }
    return fields;
  }

  static void set_scalar(Schema& schema, std::string_view type, const Line& line) {
    static const std::map<std::string_view, std::pair<Type, std::string_view>> kTypes{
        {"string", {Type::kString, ""}},
        {"int", {Type::kInteger, "int32"}},
        {"int64", {Type::kInteger, "int64"}},
        {"number", {Type::kNumber, "double"}},
        {"bool", {Type::kBoolean, ""}},
        {"time", {Type::kString, "date-time"}},
        {"any", {Type::kAny, ""}},
        {"int-or-string", {Type::kIntOrString, "int-or-string"}}};
    const auto found = kTypes.find(type);
    if (found == kTypes.end()) fail(line, "has an unknown type");
    schema.type = found->second.first;
    schema.format = found->second.second;
  }

  static void set_attribute(Schema& schema, std::string_view attribute, const Line& line) {
    if (attribute.starts_with("keys=")) {
      schema.list_type = Schema::ListType::kMap;
      for (const std::string_view key : split(attribute.substr(5), ',')) schema.keys.emplace_back(key);
      if (schema.merge_key.empty()) schema.merge_key = schema.keys.front();
      schema.sorted_keys = schema.keys;
      std::sort(schema.sorted_keys.begin(), schema.sorted_keys.end());
    } else if (attribute.starts_with("merge=")) {
      schema.merge_key = attribute.substr(6);
    } else if (attribute == "set") {
      schema.list_type = Schema::ListType::kSet;
    } else if (attribute == "atomic") {
      schema.atomic = true;
    } else if (attribute == "open") {
      schema.open = true;
    } else if (attribute == "retain") {
      schema.retain_keys = true;
    } else {
      fail(line, "has an unknown attribute");
    }
  }

  static Line without_attributes(Line line) {
    line.attributes.clear();
    return line;
  }

  SchemaPtr find(std::string_view name, const Line& line) const {
    const auto found = known_.find(name);
    if (found == known_.end()) fail(line, "refers to what is not defined yet");
    return found->second;
  }

  [[noreturn]] static void fail(const Line& line, const char* what) {
    throw std::logic_error("schema: " + std::string(line.name) + " " + std::string(line.type) + " " + what);
  }

  SchemaSet& known_;
  std::vector<Line> lines_;
  size_t at_ = 0;
};

}  // namespace

void read_schemas(std::string_view text, SchemaSet& out) { Reader(text, out).read_all(); }

}  // namespace remora::kube
