#include "unit/kubernetes/fake_cluster.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/percent.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

/// "/apis/apps/v1/namespaces/shop/deployments/a/status" in its parts.
struct Target {
  std::string collection;  ///< "/apis/apps/v1/deployments"
  std::string key;         ///< "shop/a"; empty: the whole collection
  bool status = false;
};

Target target_of(std::string path) {
  Target target;
  path = path.substr(0, path.find('?'));
  if (path.ends_with("/status")) {
    target.status = true;
    path.resize(path.size() - 7);
  }
  const size_t space = path.find("/namespaces/");
  if (space == std::string::npos) return {path, "", false};
  const size_t ns = space + 12, plural = path.find('/', ns) + 1, name = path.find('/', plural);
  target.collection = path.substr(0, space + 1) + path.substr(plural, name - plural);
  if (name != std::string::npos)
    target.key = path.substr(ns, plural - ns) + path.substr(name + 1);  // with the slash between them
  return target;
}

std::string parameter(const std::string& query, const std::string& name) {
  const size_t at = ('&' + query).find('&' + name + '=');
  if (at == std::string::npos) return {};
  const size_t begin = at + name.size() + 1;
  return query.substr(begin, query.find('&', begin) - begin);
}

json::object& metadata_of(json::object& object) {
  json::value& metadata = object["metadata"];
  return metadata.is_object() ? metadata.get_object() : metadata.emplace_object();
}

std::string event(const std::string& type, const json::object& object) {
  return json::serialize(json::object{{"type", type}, {"object", object}});
}

}  // namespace

ApiAnswer FakeCluster::status(unsigned code, const std::string& reason, const std::string& message) {
  return {code, json::serialize(json::object{
                    {"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}})};
}

void FakeCluster::put(const std::string& collection, const std::string& ns, const std::string& name,
                      json::object more) {
  json::object& object = objects_[collection][ns + '/' + name];
  const bool fresh = object.empty();
  const json::value uid =
      fresh ? json::value("uid-" + std::to_string(version_ + 1)) : metadata_of(object)["uid"];
  object = std::move(more);
  json::object& metadata = metadata_of(object);
  metadata["name"] = name;
  if (!ns.empty()) metadata["namespace"] = ns;
  metadata["uid"] = uid;
  happen(collection, fresh ? "ADDED" : "MODIFIED", object);
}

void FakeCluster::remove(const std::string& collection, const std::string& ns, const std::string& name) {
  const auto found = objects_[collection].find(ns + '/' + name);
  json::object object = std::move(found->second);
  objects_[collection].erase(found);
  happen(collection, "DELETED", object);
}

/// Gives the object its new version, and tells everybody.
void FakeCluster::happen(const std::string& collection, const std::string& type, const json::object& object) {
  json::object copy = object;
  metadata_of(copy)["resourceVersion"] = std::to_string(++version_);
  if (type != "DELETED") {
    for (auto& [key, kept] : objects_[collection]) {
      if (metadata_of(kept)["uid"] == metadata_of(copy)["uid"]) kept = copy;
    }
  }
  history_.push_back({version_, collection, event(type, copy)});
  tell(collection, history_.back().line);
}

void FakeCluster::tell(const std::string& collection, const std::string& line) {
  for (const auto& watching : watches_) {
    if (watching->collection != collection || watching->silent) continue;
    post([watching, line] {
      if (!watching->handle.expired()) watching->on_line(line);
    });
  }
}

void FakeCluster::bookmark(const std::string& collection) {
  tell(collection, event("BOOKMARK", {{"metadata", {{"resourceVersion", std::to_string(version_)}}}}));
}

void FakeCluster::end_watches(const std::string& error) {
  for (const auto& watching : std::exchange(watches_, {})) {
    post([watching, error] {
      if (watching->handle.expired()) return;
      watching->ended(error.empty() ? Result<ApiAnswer>(ApiAnswer{200, ""})
                                    : Result<ApiAnswer>(Error{error}));
    });
  }
}

size_t FakeCluster::count(const std::string& part) const {
  return static_cast<size_t>(std::count_if(asked.begin(), asked.end(), [&](const std::string& line) {
    return line.find(part) != std::string::npos;
  }));
}

size_t FakeCluster::watches() const {
  return static_cast<size_t>(
      std::count_if(watches_.begin(), watches_.end(), [](const auto& watching) { return watching->begun; }));
}

std::string FakeCluster::last(const std::string& part) const {
  const auto found = std::find_if(asked.rbegin(), asked.rend(), [&](const std::string& line) {
    return line.find(part) != std::string::npos;
  });
  return found == asked.rend() ? "" : *found;
}

void FakeCluster::post(std::function<void()> what) { boost::asio::post(context_, std::move(what)); }

std::shared_ptr<void> FakeCluster::call(ApiCall call, Answered done) {
  asked.push_back(call.method + ' ' + call.path);
  auto handle = std::make_shared<Answered>(std::move(done));
  post([this, call = std::move(call), weak = std::weak_ptr(handle)] {
    // What is asked happens when the request arrives, and is told a turn later.
    auto result = down ? Result<ApiAnswer>(Error{"connection refused"}) : Result<ApiAnswer>(answer(call));
    post([weak, result = std::move(result)] {
      if (const auto waiting = weak.lock()) (*waiting)(result);
    });
  });
  return handle;
}

std::shared_ptr<void> FakeCluster::stream(std::string path, OnLine on_line, Answered ended) {
  asked.push_back("GET " + path);
  auto watching = std::make_shared<Watching>();
  auto handle = std::shared_ptr<void>(watching.get(), [this, weak = std::weak_ptr(watching)](void*) {
    if (const auto gone = weak.lock()) watches_.remove(gone);
  });
  *watching = {target_of(path).collection, handle, std::move(on_line), std::move(ended), silent};
  watches_.push_back(watching);
  post([this, watching, path = std::move(path)] {
    if (watching->handle.expired()) return;
    const auto end = [&](const Result<ApiAnswer>& how) {
      watches_.remove(watching);
      watching->ended(how);
    };
    if (down) return end(Error{"connection refused"});
    if (const auto refusal = refuse(path)) return end(*refusal);
    watching->begun = true;
    watching->on_line("");
    const uint64_t from = std::stoull('0' + parameter(path.substr(path.find('?') + 1), "resourceVersion"));
    if (from < forgotten_) {
      watching->on_line(R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired",)"
                        R"("message":"too old resource version"}})");
      return;
    }
    if (watching->silent) return;
    for (const Happened& happened : history_) {
      if (happened.version > from && happened.collection == watching->collection &&
          !watching->handle.expired())
        watching->on_line(happened.line);
    }
  });
  return handle;
}

ApiAnswer FakeCluster::answer(const ApiCall& call) {
  if (auto refusal = refuse(call.path)) return std::move(*refusal);
  if (call.method != "GET") return write(call);
  const Target target = target_of(call.path);
  const size_t question = call.path.find('?');
  if (target.key.empty())
    return list(target.collection, question == std::string::npos ? "" : call.path.substr(question + 1));
  const auto found = objects_[target.collection].find(target.key);
  if (found == objects_[target.collection].end()) return status(404, "NotFound", target.key + " not found");
  return {200, json::serialize(found->second)};
}

/// A page; its token names the version of the list and the last object that it has told.
ApiAnswer FakeCluster::list(const std::string& collection, const std::string& query) {
  const std::string limit = parameter(query, "limit"),
                    token = web::percent_decode(parameter(query, "continue"), web::Plus::kIsPlus);
  const size_t most = limit.empty() ? SIZE_MAX : std::stoull(limit);
  const size_t cut = token.find('@');
  const uint64_t version = token.empty() ? version_ : std::stoull(token.substr(0, cut));
  if (version < forgotten_) return status(410, "Expired", "the provided continue parameter is too old");
  const std::string after = token.empty() ? "" : token.substr(cut + 1);
  json::array items;
  json::object metadata{{"resourceVersion", std::to_string(version)}};
  const auto& all = objects_[collection];
  for (auto entry = all.upper_bound(after); entry != all.end(); ++entry) {
    if (items.size() == most) {
      metadata["continue"] = std::to_string(version) + '@' + std::prev(entry)->first;
      break;
    }
    items.push_back(entry->second);
  }
  return {200, json::serialize(json::object{{"kind", "List"}, {"metadata", metadata}, {"items", items}})};
}

ApiAnswer FakeCluster::write(const ApiCall& call) {
  const Target target = target_of(call.path);
  json::object body = call.body.empty() ? json::object() : json::parse(call.body).as_object();
  auto& all = objects_[target.collection];
  if (call.method == "POST") {
    json::object& metadata = metadata_of(body);
    const std::string ns(metadata["namespace"].as_string()), name(metadata["name"].as_string());
    if (all.contains(ns + '/' + name)) return status(409, "AlreadyExists", name + " already exists");
    put(target.collection, ns, name, std::move(body));
    return {201, json::serialize(all.at(ns + '/' + name))};
  }
  const auto found = all.find(target.key);
  if (found == all.end()) return status(404, "NotFound", target.key + " not found");
  const size_t slash = target.key.find('/');
  const std::string ns = target.key.substr(0, slash), name = target.key.substr(slash + 1);
  if (call.method == "DELETE") {
    remove(target.collection, ns, name);
    return {200, R"({"kind":"Status","status":"Success"})"};
  }
  if (metadata_of(body)["resourceVersion"] != metadata_of(found->second)["resourceVersion"])
    return status(409, "Conflict", "the object has been modified");
  if (target.status) {
    json::object whole = found->second;
    whole["status"] = body["status"];
    body = std::move(whole);
  }
  put(target.collection, ns, name, std::move(body));
  return {200, json::serialize(all.at(target.key))};
}

}  // namespace remora::kubernetes
