#include "control_plane/status_writer.h"

#include <spdlog/spdlog.h>

#include <boost/json/array.hpp>
#include <map>
#include <optional>
#include <utility>

#include "store/kinds.h"
#include "store/metadata.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

constexpr const char* kCondition = "Reconciled";

/// "VirtualService default/myapp" -> its key. Nothing where it names no object whose status is ours to write.
std::optional<store::ObjectKey> key_of(const std::string& id) {
  const size_t space = id.find(' ');
  const size_t slash = id.find('/', space == std::string::npos ? 0 : space);
  if (space == std::string::npos || slash == std::string::npos) return std::nullopt;
  const std::string kind = id.substr(0, space);
  for (const store::Kind& known : store::kinds()) {
    if (known.kind != kind) continue;
    return store::ObjectKey{known.type(), id.substr(space + 1, slash - space - 1), id.substr(slash + 1)};
  }
  return std::nullopt;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object message_of(const istio::Diagnostic& finding) {
  json::object message{{"level", finding.severity == istio::Severity::kError ? "ERROR" : "WARNING"}};
  if (!finding.path.empty()) message["path"] = finding.path;
  message["message"] = finding.message;
  return message;
}

/// The first error in words, and how many more there are.
std::string summary(const istio::Diagnostics& findings) {
  std::string text;
  size_t further = 0;
  for (const istio::Diagnostic& finding : findings) {
    if (finding.severity != istio::Severity::kError) continue;
    if (!text.empty()) {
      ++further;
      continue;
    }
    text = finding.path.empty() ? finding.message : finding.path + ": " + finding.message;
  }
  if (further > 0) text += " (and " + std::to_string(further) + " more)";
  return text;
}

const json::object* condition_in(const json::value* status) {
  const json::value* list =
      status != nullptr && status->is_object() ? status->get_object().if_contains("conditions") : nullptr;
  if (list == nullptr || !list->is_array()) return nullptr;
  for (const json::value& item : list->get_array()) {
    const json::object* condition = item.if_object();
    if (condition == nullptr) continue;
    const json::value* type = condition->if_contains("type");
    if (type != nullptr && type->is_string() && type->get_string() == kCondition) return condition;
  }
  return nullptr;
}

/// The condition as it is now; it keeps its time while its answer is the same.
json::object make_condition(const json::object* before, const istio::Diagnostics& findings) {
  const bool good = !istio::has_errors(findings);
  json::object condition{{"type", kCondition},
                         {"status", good ? "True" : "False"},
                         {"reason", good ? "InEffect" : "NotInEffect"},
                         {"message", good ? "" : summary(findings)}};
  const json::value* was = before == nullptr ? nullptr : before->if_contains("status");
  const json::value* since = before == nullptr ? nullptr : before->if_contains("lastTransitionTime");
  const bool same = was != nullptr && since != nullptr && *was == condition["status"];
  condition["lastTransitionTime"] = same ? *since : json::value(json::string(store::timestamp_now()));
  return condition;
}

json::value make_status(const store::Object& object, const istio::Diagnostics& findings) {
  const json::value* present = object.body.if_contains("status");
  json::object status = present != nullptr && present->is_object() ? present->get_object() : json::object();
  status["observedGeneration"] = store::generation_of(object.body);
  status["conditions"] = json::array{make_condition(condition_in(present), findings)};
  json::array messages;
  for (const istio::Diagnostic& finding : findings) messages.push_back(message_of(finding));
  status["validationMessages"] = std::move(messages);
  return status;
}

/// What is told of an object whose condition has changed.
struct News {
  bool warning;
  std::string reason;
  std::string message;
};

std::optional<News> news_between(const json::value* before, const json::value& after) {
  const auto answer = [](const json::object* condition) {
    return condition == nullptr ? std::pair(std::string("True"), std::string())
                                : std::pair(text_in(*condition, "status"), text_in(*condition, "message"));
  };
  const json::object* condition = condition_in(&after);
  if (condition == nullptr || answer(condition_in(before)) == answer(condition)) return std::nullopt;
  const bool good = answer(condition).first == "True";
  return News{!good, text_in(*condition, "reason"), good ? "is in effect" : answer(condition).second};
}

}  // namespace

StatusWriter::StatusWriter(store::ObjectStore& store, std::function<bool()> may_write, Scope scope)
    : store_(store),
      may_write_(std::move(may_write)),
      scope_(scope) {}

bool StatusWriter::is_ours(const store::Kind& kind) const {
  if (!kind.has_status || kind.group == "flagger.app") return false;
  return scope_ == Scope::kAllKinds || kind.group.ends_with(".istio.io");
}

void StatusWriter::update(const istio::Diagnostics& findings) {
  wanted_.clear();
  const auto is_gone = [&](const auto& entry) { return store_.get(entry.first) == nullptr; };
  std::erase_if(written_, is_gone);
  std::erase_if(failed_, is_gone);
  // Whoever has a condition of ours keeps one: that nothing is wrong any more is news as well.
  for (const store::Kind& kind : store::kinds()) {
    if (!is_ours(kind)) continue;
    for (const store::ObjectPtr& object : store_.list(kind.type()).objects) {
      if (condition_in(object->body.if_contains("status")) != nullptr) wanted_[object->key];
    }
  }
  for (const istio::Diagnostic& finding : findings) {
    const auto key = key_of(finding.resource);
    if (key && is_ours(*store::find_kind(key->type))) wanted_[*key].push_back(finding);
  }
  if (!may_write_()) return;
  for (const auto& [key, its_findings] : wanted_) write(key, its_findings);
}

void StatusWriter::retry() {
  if (!may_write_()) return;
  const auto failed = failed_;  // a write may be answered before it returns
  for (const auto& entry : failed) {
    const auto wanted = wanted_.find(entry.first);
    if (wanted != wanted_.end()) write(entry.first, wanted->second);
  }
}

void StatusWriter::write(const store::ObjectKey& key, const istio::Diagnostics& findings) {
  const store::ObjectPtr object = store_.get(key);
  if (object == nullptr || under_way_.contains(key)) return;
  json::value status = make_status(*object, findings);
  const json::value* present = object->body.if_contains("status");
  if (present != nullptr && *present == status) return;
  const auto written = written_.find(key);
  if (written != written_.end() && written->second == std::pair(status, object->version)) return;
  json::object body = object->body;
  body["status"] = status;
  under_way_.insert(key);
  store_.update_status(
      key, std::move(body), {},
      [this, alive = std::weak_ptr<int>(alive_), object, status](const store::WriteResult& result) {
        if (!alive.expired()) on_written(*object, status, result);
      });
}

/// What is wanted may have changed while it was written.
void StatusWriter::on_written(const store::Object& before, const json::value& status,
                              const store::WriteResult& result) {
  const store::ObjectKey& key = before.key;
  under_way_.erase(key);
  if (const auto* error = std::get_if<store::WriteError>(&result)) {
    if (error->reason == store::WriteError::Reason::kNotFound) {
      failed_.erase(key);
    } else if (std::exchange(failed_[key], error->message) != error->message) {
      spdlog::warn("status of {}", error->message);  // once, however often it is tried
    }
    return;
  }
  failed_.erase(key);
  written_[key] = {status, std::get<store::ObjectPtr>(result)->version};
  if (const auto news = news_between(before.body.if_contains("status"), status)) {
    told_(before, news->warning, news->reason, news->message);
  }
  const auto wanted = wanted_.find(key);
  if (wanted != wanted_.end() && may_write_()) write(key, wanted->second);
}

}  // namespace remora::xds
