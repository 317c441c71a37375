#include "kubernetes/wire.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "kubernetes/raw_json.h"
#include "store/metadata.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;
using Reason = store::WriteError::Reason;

constexpr size_t kObjectLimit = 1024 * 1024;
constexpr size_t kDepthLimit = 100;
constexpr size_t kMessageLimit = 500;

Result<json::value> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthLimit;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error == json::error::too_deep)
    return Error{"is nested in more than " + std::to_string(kDepthLimit) + " levels"};
  if (error) return Error{"is no JSON: " + error.message()};
  return value;
}

/// Who an object says it is, whatever the rest of it looks like.
store::ObjectKey raw_key(const ApiKind& kind, std::string_view text) {
  store::ObjectKey key{kind.type(), "", ""};
  for_each_member(text, [&](std::string_view name, std::string_view value) {
    if (name != "metadata") return;
    for_each_member(value, [&](std::string_view field, std::string_view inner) {
      if (field == "name") key.name = raw_string(inner).substr(0, 253);
      if (field == "namespace") key.ns = raw_string(inner).substr(0, 253);
    });
  });
  return key;
}

uint64_t parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

/// Items of lists leave out what their list says; here each says it, and first.
json::object complete(const ApiKind& kind, json::object body) {
  if (body.contains("apiVersion") && body.contains("kind")) return body;
  json::object whole{{"apiVersion", kind.api_version(kind.versions.front())}, {"kind", kind.kind}};
  for (auto& field : body) whole.emplace(field.key(), std::move(field.value()));
  return whole;
}

Result<store::ObjectPtr> make_object(const ApiKind& kind, std::string_view text) {
  if (text.size() > kObjectLimit) return Error{"is larger than " + std::to_string(kObjectLimit) + " bytes"};
  auto value = parse(text);
  if (!value.ok()) return Error{value.error()};
  if (!value->is_object()) return Error{"is no object"};
  json::object body = complete(kind, std::move(value->get_object()));
  json::value* metadata = body.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return Error{"has no metadata"};
  metadata->get_object().erase("managedFields");
  store::Object object;
  object.key = {kind.type(), store::metadata_text(body, "namespace"), store::metadata_text(body, "name")};
  object.version = version_of(body);
  if (object.key.name.empty()) return Error{"has no name"};
  if (object.key.ns.empty() == kind.namespaced) return Error{"metadata.namespace does not fit the kind"};
  if (object.version == 0) return Error{"metadata.resourceVersion is no number"};
  object.body = kind.slim != nullptr ? kind.slim(body) : std::move(body);
  return store::ObjectPtr(std::make_shared<const store::Object>(std::move(object)));
}

}  // namespace

uint64_t version_of(const json::object& body) {
  return parse_number(store::metadata_text(body, "resourceVersion"));
}

uint64_t version_of_text(std::string_view object) {
  uint64_t version = 0;
  for_each_member(object, [&](std::string_view name, std::string_view value) {
    if (name != "metadata") return;
    for_each_member(value, [&](std::string_view field, std::string_view inner) {
      if (field == "resourceVersion") version = parse_number(raw_string(inner));
    });
  });
  return version;
}

ObjectText read_object(const ApiKind& kind, std::string_view text) {
  auto object = make_object(kind, text);
  if (object.ok()) return {std::move(*object), {}};
  return {nullptr, {raw_key(kind, text), object.error().message}};
}

Result<ListPage> read_list(const ApiKind& kind, const std::string& text) {
  ListPage page;
  const auto member = [&](std::string_view name, std::string_view value) {
    if (name == "metadata") {
      const auto metadata = parse(value.substr(0, kObjectLimit));
      if (!metadata.ok() || !metadata->is_object()) return;
      const json::object list{{"metadata", metadata->get_object()}};
      page.version = version_of(list);
      page.continue_token = store::metadata_text(list, "continue");
    } else if (name == "items" && value != "null") {
      for_each_item(value, [&](std::string_view item) {
        ObjectText read = read_object(kind, item);
        if (read.object != nullptr) {
          page.objects.push_back(std::move(read.object));
        } else {
          page.unreadable.push_back(std::move(read.fault));
        }
      });
    }
  };
  if (!for_each_member(text, member)) return Error{"the list is no whole JSON object"};
  if (page.version == 0) return Error{"the list's metadata.resourceVersion is no number"};
  return page;
}

Result<WatchEvent> read_watch_event(std::string_view line) {
  WatchEvent event;
  std::string_view type;
  const bool whole = for_each_member(line, [&](std::string_view name, std::string_view value) {
    if (name == "type") type = raw_string(value);
    if (name == "object") event.object = value;
  });
  if (!whole || event.object.empty()) return Error{"a line of the watch is no event"};
  using Type = WatchEvent::Type;
  if (type == "ADDED") {
    event.type = Type::kAdded;
  } else if (type == "MODIFIED") {
    event.type = Type::kModified;
  } else if (type == "DELETED") {
    event.type = Type::kDeleted;
  } else if (type == "BOOKMARK") {
    event.type = Type::kBookmark;
  } else if (type != "ERROR") {
    return Error{"the watch tells an event of the unknown type \"" + std::string(type.substr(0, 40)) + '"'};
  }
  return event;
}

Refusal read_refusal(unsigned status, std::string_view body) {
  Refusal refusal{status, "", ""};
  for_each_member(body, [&](std::string_view name, std::string_view value) {
    if (name == "code" && parse_number(value) > 0) refusal.code = static_cast<unsigned>(parse_number(value));
    if (name == "reason") refusal.reason = raw_string(value).substr(0, 60);
    if (name != "message") return;
    const auto message = parse(value);
    if (message.ok() && message->is_string()) refusal.message = std::string(message->get_string());
  });
  if (refusal.message.empty()) refusal.message = std::string(body.substr(0, body.find('\n')));
  if (refusal.message.size() > kMessageLimit) refusal.message.resize(kMessageLimit);
  if (refusal.message.empty()) refusal.message = "the server answers " + std::to_string(status);
  return refusal;
}

store::WriteError to_write_error(const store::ObjectKey& key, const Refusal& refusal) {
  Reason reason = Reason::kStorage;
  if (refusal.code == 404) reason = Reason::kNotFound;
  if (refusal.code == 409)
    reason = refusal.reason == "AlreadyExists" ? Reason::kAlreadyExists : Reason::kConflict;
  if (refusal.code == 400 || refusal.code == 422 || refusal.code == 413) reason = Reason::kInvalid;
  return {reason, key.text() + ": " + refusal.message};
}

}  // namespace remora::kubernetes
