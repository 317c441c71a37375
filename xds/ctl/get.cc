#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "ctl/resources.h"
#include "ctl/table.h"
#include "store/yaml.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

constexpr const char* kTables = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// What is asked for, and in which form.
struct Query {
  std::vector<const store::Kind*> kinds;
  std::vector<std::string> names;
  std::string ns;  ///< empty: of all
  std::string selector;
  std::string output;  ///< empty: a table
  bool watch = false;
  bool headers = true;
  bool managed_fields = false;

  bool tables() const { return output.empty() || output == "wide"; }
};

Result<Query> query_of(const Arguments& arguments) {
  Query query;
  std::string word = arguments.words.front();
  query.names.assign(arguments.words.begin() + 1, arguments.words.end());
  if (const size_t slash = word.find('/'); slash != std::string::npos) {
    if (!query.names.empty()) return Error{"there is no need to name a kind twice: KIND/NAME stands alone"};
    query.names.push_back(word.substr(slash + 1));
    word.resize(slash);
  }
  auto kinds = kinds_of(word);
  if (!kinds.ok()) return Error{kinds.error()};
  query.kinds = std::move(*kinds);
  query.ns = arguments.has("--all-namespaces") ? "" : arguments.get("--namespace", "default");
  query.selector = arguments.get("--selector");
  query.output = arguments.get("--output");
  query.watch = arguments.has("--watch");
  query.headers = !arguments.has("--no-headers");
  query.managed_fields = arguments.has("--show-managed-fields");
  for (const char* form : {"", "json", "yaml", "name", "wide"}) {
    if (query.output != form) continue;
    if (!query.names.empty() && query.ns.empty())
      return Error{"a resource cannot be retrieved by name across all namespaces"};
    if (!query.names.empty() && !query.selector.empty())
      return Error{"name cannot be provided when a selector is specified"};
    if (query.watch && (query.kinds.size() > 1 || query.names.size() > 1))
      return Error{"only one kind, or one object, can be watched"};
    return query;
  }
  return Error{"--output is json, yaml, name or wide, not \"" + query.output + "\""};
}

/// Where the answers go: one after the other as tables and names, all together as JSON or YAML.
class Output {
 public:
  explicit Output(const Query& query) : query_(query) {}

  void add(const store::Kind& kind, json::value value) {
    if (query_.tables()) return add_table(kind, value);
    const json::value* items = value.is_object() ? value.as_object().if_contains("items") : nullptr;
    if (items == nullptr) return add_object(kind, value);
    // Objects in a list come without what the list says for all of them.
    for (json::value item : items->as_array()) {
      if (item.is_object() && !item.as_object().contains("kind")) {
        json::object whole{{"apiVersion", text_at(value, "/apiVersion")}, {"kind", kind.kind}};
        for (auto& [name, field] : item.as_object()) whole[name] = std::move(field);
        item = std::move(whole);
      }
      add_object(kind, item);
    }
  }

  /// Who has set which field is for machines; kubectl leaves it out as well.
  json::value shown(json::value object) const {
    boost::system::error_code error;
    json::value* metadata = object.find_pointer("/metadata", error);
    if (!query_.managed_fields && metadata != nullptr && metadata->is_object()) {
      metadata->as_object().stable_erase("managedFields");
    }
    return object;
  }

  size_t count() const { return count_; }

  /// JSON and YAML: the object itself where one was named, else a list.
  void finish() {
    if (query_.tables() || query_.output == "name") return;
    const bool single = query_.names.size() == 1 && query_.kinds.size() == 1 && objects_.size() == 1;
    print(single ? objects_.front()
                 : json::value(json::object{{"apiVersion", "v1"},
                                            {"items", objects_},
                                            {"kind", "List"},
                                            {"metadata", json::object{{"resourceVersion", ""}}}}));
  }

  void print(const json::value& value) const {
    if (query_.output == "yaml") {
      std::fputs(store::to_yaml(value).c_str(), stdout);
    } else {
      print_json(value, "");
      std::puts("");
    }
    std::fflush(stdout);
  }

 private:
  /// A header comes with the first rows, whether the list or a change brings them.
  void add_table(const store::Kind& kind, const json::value& table) {
    const bool wide = query_.output == "wide";
    const bool ns = query_.ns.empty() && kind.namespaced;
    const bool several = query_.kinds.size() > 1;
    std::vector<Row> rows = table_rows(table, wide, ns, several ? qualified(kind) + "/" : "");
    if (rows.empty()) return;
    if (std::exchange(headed_, &kind) != &kind) {
      if (count_ > 0) std::puts("");
      writer_ = TableWriter();
      if (query_.headers) rows.insert(rows.begin(), table_header(table, wide, ns));
    }
    count_ += rows.size();
    writer_.print(rows);
  }

  void add_object(const store::Kind& kind, const json::value& object) {
    ++count_;
    if (query_.output == "name") {
      std::printf("%s/%s\n", qualified(kind).c_str(), text_at(object, "/metadata/name").c_str());
      std::fflush(stdout);
    } else {
      objects_.push_back(shown(object));
    }
  }

  /// Indented by four, as kubectl writes JSON.
  static void print_json(const json::value& value, const std::string& indent) {
    const std::string deeper = indent + "    ";
    const char* separator = "\n";
    if (value.is_object() && !value.as_object().empty()) {
      std::putchar('{');
      for (const auto& [name, field] : value.as_object()) {
        std::printf("%s%s%s: ", std::exchange(separator, ",\n"), deeper.c_str(),
                    json::serialize(json::value(name)).c_str());
        print_json(field, deeper);
      }
      std::printf("\n%s}", indent.c_str());
    } else if (value.is_array() && !value.as_array().empty()) {
      std::putchar('[');
      for (const json::value& item : value.as_array()) {
        std::printf("%s%s", std::exchange(separator, ",\n"), deeper.c_str());
        print_json(item, deeper);
      }
      std::printf("\n%s]", indent.c_str());
    } else {
      std::fputs(json::serialize(value).c_str(), stdout);
    }
  }

  const Query& query_;
  TableWriter writer_;
  const store::Kind* headed_ = nullptr;  ///< whose table is being written
  json::array objects_;
  size_t count_ = 0;
};

std::string target_of(const Query& query, const store::Kind& kind, const std::string& name) {
  std::string target = resource_path(kind, query.ns, name);
  if (!query.selector.empty()) target += "?labelSelector=" + percent_encoded(query.selector);
  return target;
}

/// What has happened since the list, each change as it comes.
int follow(const Api& api, const Query& query, const std::string& since, Output& output) {
  const store::Kind& kind = *query.kinds.front();
  std::string target = resource_path(kind, query.ns, "") + "?watch=true&allowWatchBookmarks=false";
  if (!since.empty()) target += "&resourceVersion=" + percent_encoded(since);
  if (!query.selector.empty()) target += "&labelSelector=" + percent_encoded(query.selector);
  if (!query.names.empty())
    target += "&fieldSelector=" + percent_encoded("metadata.name=" + query.names.front());
  int result = kGood;
  const auto ended = api.lines(
      target, {.accept = query.tables() ? kTables : "application/json"},
      [&](unsigned status, std::string_view line) {
        boost::system::error_code error;
        const json::value event = json::parse({line.data(), line.size()}, error);
        if (status != 200 || error || text_at(event, "/type") == "ERROR") {
          const json::value* object = event.is_object() ? event.as_object().if_contains("object") : nullptr;
          result = refused({status, "", json::serialize(object == nullptr ? event : *object)});
          return false;
        }
        if (query.tables() || query.output == "name") {
          output.add(kind, event.as_object().at("object"));
        } else {
          output.print(output.shown(event.as_object().at("object")));
        }
        return true;
      });
  if (!ended.ok()) return fail(ended.error().message);
  return result;
}

int list(const Api& api, const Query& query) {
  Output output(query);
  std::string since;
  int worst = kGood;
  const std::vector<std::string> names = query.names.empty() ? std::vector<std::string>{""} : query.names;
  for (const store::Kind* kind : query.kinds) {
    for (const std::string& name : names) {
      const auto answer =
          api.call(target_of(query, *kind, name), {.accept = query.tables() ? kTables : "application/json"});
      if (!answer.ok()) return fail(answer.error().message);
      if (answer->status != 200) {
        worst = refused(*answer);
        continue;
      }
      auto body = json_of(*answer);
      if (!body.ok()) return fail(body.error().message);
      since = text_at(*body, "/metadata/resourceVersion");
      output.add(*kind, std::move(*body));
    }
  }
  if (query.watch && worst == kGood) {
    output.finish();
    return follow(api, query, since, output);
  }
  if (worst == kGood || output.count() > 0) output.finish();
  if (output.count() == 0 && worst == kGood && query.tables()) {
    std::fprintf(stderr, "No resources found%s\n",
                 query.ns.empty() ? "" : (" in " + query.ns + " namespace.").c_str());
  }
  return worst;
}

}  // namespace

int get(const Arguments& arguments) {
  const auto query = query_of(arguments);
  if (!query.ok()) return fail(query.error().message);
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  return list(Api(*connection), *query);
}

int watch(const Arguments& arguments) {
  if (arguments.words.empty()) return rollout_watch(arguments);
  Arguments watching = arguments;
  watching.set("--watch", "");
  return get(watching);
}

}  // namespace remora::ctl
