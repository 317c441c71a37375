#include <boost/json.hpp>
#include <cstdio>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "ctl/get_output.h"
#include "ctl/resources.h"
#include "web/percent.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

constexpr const char* kTables = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

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

std::string target_of(const Query& query, const store::Kind& kind, const std::string& name) {
  std::string target = resource_path(kind, query.ns, name);
  if (!query.selector.empty()) target += "?labelSelector=" + web::percent_encode(query.selector);
  return target;
}

/// What has happened since the list, each change as it comes.
int follow(const Api& api, const Query& query, const std::string& since, GetOutput& output) {
  const store::Kind& kind = *query.kinds.front();
  std::string target = resource_path(kind, query.ns, "") + "?watch=true&allowWatchBookmarks=false";
  if (!since.empty()) target += "&resourceVersion=" + web::percent_encode(since);
  if (!query.selector.empty()) target += "&labelSelector=" + web::percent_encode(query.selector);
  if (!query.names.empty())
    target += "&fieldSelector=" + web::percent_encode("metadata.name=" + query.names.front());
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
        output.add(kind, event.as_object().at("object"));
        return true;
      });
  if (!ended.ok()) return fail(ended.error().message);
  return result;
}

int list(const Api& api, const Query& query) {
  GetOutput output(query);
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
  if (query.watch && worst == kGood) return follow(api, query, since, output);
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
