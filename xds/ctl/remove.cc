#include <boost/json.hpp>
#include <cstdio>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "ctl/resources.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

struct Doomed {
  const store::Kind* kind;
  std::string path;
  std::string name;
};

/// What the words name: KIND NAME..., KIND/NAME..., or with --all everything of KIND.
Result<std::vector<Doomed>> named(const Api& api, const Arguments& arguments) {
  std::vector<Doomed> doomed;
  const std::string ns = arguments.get("--namespace", "default");
  const std::string& first = arguments.words.front();
  if (first.find('/') != std::string::npos) {
    for (const std::string& word : arguments.words) {
      const size_t slash = word.find('/');
      if (slash == std::string::npos) return Error{"\"" + word + "\" is not KIND/NAME"};
      const auto kinds = kinds_of(word.substr(0, slash));
      if (!kinds.ok()) return Error{kinds.error()};
      const std::string name = word.substr(slash + 1);
      for (const store::Kind* kind : *kinds) doomed.push_back({kind, resource_path(*kind, ns, name), name});
    }
    return doomed;
  }
  const auto kinds = kinds_of(first);
  if (!kinds.ok()) return Error{kinds.error()};
  if (arguments.has("--all") != (arguments.words.size() == 1)) {
    return Error{"resource(s) were provided, but no name was specified; give names, or --all and none"};
  }
  for (const store::Kind* kind : *kinds) {
    for (size_t i = 1; i < arguments.words.size(); ++i) {
      doomed.push_back({kind, resource_path(*kind, ns, arguments.words[i]), arguments.words[i]});
    }
    if (arguments.words.size() > 1) continue;
    const auto answer = api.call(resource_path(*kind, ns, ""));
    if (!answer.ok()) return Error{answer.error()};
    const auto list = json_of(*answer);
    const json::value* items =
        list.ok() && list->is_object() ? list->as_object().if_contains("items") : nullptr;
    if (answer->status != 200 || items == nullptr || !items->is_array()) {
      return Error{"the list of " + std::string(kind->plural) + " cannot be had"};
    }
    for (const json::value& item : items->as_array()) {
      const std::string name = text_at(item, "/metadata/name");
      doomed.push_back({kind, resource_path(*kind, ns, name), name});
    }
  }
  return doomed;
}

int remove_one(const Api& api, const Doomed& object, bool ignore_missing) {
  const auto answer = api.call(object.path, {.method = web::Verb::delete_});
  if (!answer.ok()) return fail(answer.error().message);
  if (answer->status == 404 && ignore_missing) return kGood;
  if (answer->status >= 300) return refused(*answer);
  std::printf("%s \"%s\" deleted\n", qualified(*object.kind).c_str(), object.name.c_str());
  return kGood;
}

}  // namespace

int remove(const Arguments& arguments) {
  if (arguments.has("--filename") == !arguments.words.empty())
    return fail("delete takes KIND and NAMEs, or --filename");
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const Api api(*connection);
  std::vector<Doomed> doomed;
  if (arguments.words.empty()) {
    const auto manifests = read_manifests(arguments);
    if (!manifests.ok()) return fail(manifests.error().message);
    for (const Manifest& manifest : *manifests)
      doomed.push_back({manifest.kind, manifest.path(), manifest.name});
  } else {
    auto found = named(api, arguments);
    if (!found.ok()) return fail(found.error().message);
    doomed = std::move(*found);
    if (doomed.empty()) std::puts("No resources found");
  }
  int worst = kGood;
  for (const Doomed& object : doomed) {
    const int result = remove_one(api, object, arguments.has("--ignore-not-found"));
    if (result == kFailed) return kFailed;
    worst = std::max(worst, result);
  }
  return worst;
}

}  // namespace remora::ctl
