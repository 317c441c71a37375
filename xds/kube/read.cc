#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "kube/api.h"
#include "kube/forms.h"
#include "kube/resource_version.h"
#include "kube/selector.h"
#include "kube/status.h"

// get and list.
namespace remora::kube {
namespace {

namespace json = boost::json;

/// Where the next page of a list begins. Pages are of the list as it is when they are read; all tell the
/// version of the first, so that a watch from there makes up for what has changed between them.
struct Continue {
  uint64_t version = 0;
  std::string ns, name;  ///< of the last object of the page before
};

std::string to_token(const Continue& at) {
  return json::serialize(json::object{{"rv", std::to_string(at.version)}, {"ns", at.ns}, {"name", at.name}});
}

Outcome<Continue> parse_token(const std::string& token) {
  boost::system::error_code error;
  const json::value value = json::parse(token, error);
  const auto text = [&](const char* name) -> std::string {
    const json::value* field = value.is_object() ? value.get_object().if_contains(name) : nullptr;
    return field != nullptr && field->is_string() ? std::string(field->get_string()) : std::string();
  };
  const auto version = parse_version(text("rv"));
  if (error || !version || text("name").empty()) return bad_request("continue: this is no token of a list");
  return Continue{*version, text("ns"), text("name")};
}

Outcome<size_t> parse_limit(const std::string& text) {
  if (text.empty()) return size_t{0};
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size()) {
    return bad_request("limit: \"" + text + "\" is no number");
  }
  return limit;
}

struct Page {
  std::vector<store::ObjectPtr> objects;
  json::object metadata;
};

Page make_page(const store::ObjectList& all, const Selector& selector, size_t limit, const Continue& after) {
  Page page;
  const uint64_t version = after.version > 0 ? after.version : all.version;
  size_t left = 0;
  for (const auto& object : all.objects) {
    const bool before =
        !after.name.empty() && std::tie(object->key.ns, object->key.name) <= std::tie(after.ns, after.name);
    if (before || !selector.matches(*object)) continue;
    if (limit > 0 && page.objects.size() == limit) {
      ++left;
    } else {
      page.objects.push_back(object);
    }
  }
  page.metadata["resourceVersion"] = std::to_string(version);
  if (left == 0) return page;
  const store::ObjectKey& last = page.objects.back()->key;
  page.metadata["continue"] = to_token({version, last.ns, last.name});
  if (selector.everything()) page.metadata["remainingItemCount"] = left;
  return page;
}

}  // namespace

void get_object(Api& api, const CallPtr& call) {
  if (const auto refusal = check_read_version(*call, api.store.version())) return call->refuse(*refusal);
  const auto object = find_object(api, call->target.key());
  if (object == nullptr) return call->refuse(not_found(call->target));
  call->answer(200, in_form(*call, *object));
}

void list_objects(Api& api, const CallPtr& call) {
  auto selector = Selector::parse(call->query("labelSelector"), call->query("fieldSelector"));
  if (const auto* refusal = std::get_if<Refusal>(&selector)) return call->refuse(*refusal);
  const auto limit = parse_limit(call->query("limit"));
  if (const auto* refusal = std::get_if<Refusal>(&limit)) return call->refuse(*refusal);
  Continue after;
  if (const std::string token = call->query("continue"); !token.empty()) {
    auto parsed = parse_token(token);
    if (const auto* refusal = std::get_if<Refusal>(&parsed)) return call->refuse(*refusal);
    after = std::get<Continue>(std::move(parsed));
  } else if (const auto refusal = check_read_version(*call, api.store.version())) {
    return call->refuse(*refusal);
  }
  Page page = make_page(find_objects(api, call->target), std::get<Selector>(selector),
                        std::get<size_t>(limit), after);
  call->answer(200, in_form(*call, page.objects, std::move(page.metadata)));
}

}  // namespace remora::kube
