#include "control_plane/store_source.h"

#include <boost/json/parse.hpp>
#include <set>
#include <utility>

#include "istio/model/json_value.h"
#include "store/kinds.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

/// Writes that belong together take effect together: those of ten milliseconds, as `kubectl apply` of a
/// folder or a Helm release makes them.
constexpr std::chrono::milliseconds kGather{10};
constexpr std::chrono::milliseconds kGap{50};

/// Whether objects of the type are for the mesh's parsers. Others are kept for somebody else: endpoints and
/// where they run go to the inventory, the rest to rollouts.
bool is_for_mesh(const std::string& type) {
  static const std::set<std::string_view> kOthers{"configmaps",
                                                  "secrets",
                                                  "namespaces",
                                                  "pods",
                                                  "nodes",
                                                  "daemonsets.apps",
                                                  "endpointslices.discovery.k8s.io",
                                                  "horizontalpodautoscalers.autoscaling"};
  return !kOthers.contains(type) && store::find_kind(type) != nullptr;
}

/// What the mesh reads of an object, without what changes with every look at it. Of a Deployment only the
/// pods' template says something here: how many there are changes all the time.
json::object authored(const store::Object& object) {
  const bool only_template = object.key.type == "deployments.apps";
  json::object copy;
  for (const auto& field : object.body) {
    if (field.key() == "status") continue;
    json::value& value = copy[field.key()];
    if (only_template && field.key() == "spec" && field.value().is_object()) {
      const json::value* pods = field.value().get_object().if_contains("template");
      value = json::object{{"template", pods == nullptr ? json::value() : *pods}};
    } else {
      value = field.value();
    }
    if (field.key() != "metadata" || !value.is_object()) continue;
    for (const char* name : {"resourceVersion", "managedFields", "generation", "uid"})
      value.get_object().erase(name);
  }
  return copy;
}

std::optional<store::ObjectKey> key_of(const istio::Resource& resource) {
  const store::Kind* kind = store::find_kind(resource.api_version, resource.kind);
  if (kind == nullptr) return std::nullopt;
  return store::ObjectKey{kind->type(), kind->namespaced ? resource.ns : "", resource.name};
}

}  // namespace

StoreSource::StoreSource(boost::asio::io_context& context, DirectorySource& manifests,
                         store::ObjectStore& store, store::MemoryStore* for_manifests,
                         std::function<std::string(const store::ObjectKey&)> path_of)
    : manifests_(manifests),
      store_(store),
      for_manifests_(for_manifests),
      path_of_(std::move(path_of)),
      pacer_(context, kGather, kGap, [this] {
        if (changed_) changed_();
      }) {
  for (const store::Kind& kind : store::kinds()) {
    if (!is_for_mesh(kind.type())) continue;
    for (const store::ObjectPtr& object : store_.list(kind.type()).objects) take(object);
  }
  watch_ = store_.watch("", store_.version(), [this](const store::Event& event) { on_event(event); });
  take_manifests();
  manifests_.watch([this] {
    take_manifests();
    changed_soon();
  });
}

void StoreSource::take_manifests() {
  if (for_manifests_ == nullptr) return;
  std::vector<store::Manifest> manifests;
  std::map<store::ObjectKey, std::string> ids;
  for (const istio::ResourcePtr& resource : manifests_.list().resources) {
    const auto key = key_of(*resource);
    boost::system::error_code error;
    json::value body = json::parse(resource->json, error);
    if (!key || error || !body.is_object()) continue;
    ids[*key] = resource->id();
    manifests.push_back({*key, std::move(body.get_object()), resource->file});
  }
  refused_.clear();
  for (const store::Manifest& manifest : for_manifests_->set_manifests(std::move(manifests))) {
    refused_[ids[manifest.key]] = path_of_(manifest.key);
  }
}

void StoreSource::on_event(const store::Event& event) {
  if (!event.object->file.empty()) return;
  if (event.type != store::EventType::kDeleted) {
    if (take(event.object)) changed_soon();
    return;
  }
  held_.erase(event.object->key);
  if (parsed_.erase(event.object->key) > 0) {
    take_manifests();  // a file may have waited for the place
    changed_soon();
  }
}

/// Whether what the mesh sees of the object has changed.
bool StoreSource::take(const store::ObjectPtr& object) {
  if (!is_for_mesh(object->key.type) || !object->file.empty()) return false;
  if (const auto held = held_.find(object->key); held != held_.end()) {
    if (authored(*held->second) == authored(*object)) return false;
    held_.erase(held);
  }
  return parse(object);
}

void StoreSource::hold(const store::Object& shown) {
  const store::ObjectPtr present = store_.get(shown.key);
  if (!present || !present->file.empty()) return;
  held_[shown.key] = present;
  if (parse(std::make_shared<const store::Object>(shown))) changed_soon();
}

bool StoreSource::parse(const store::ObjectPtr& object) {
  Parsed& parsed = parsed_[object->key];
  json::object now = authored(*object);
  const store::ObjectPtr before = std::exchange(parsed.object, object);
  if (before != nullptr && now == authored(*before)) return false;
  auto result = istio::parse_object(path_of_(object->key), now);
  parsed.findings = std::move(result.findings);
  // An object with an error leaves what it was before, as a bad file does.
  const bool good = !istio::has_errors(parsed.findings) && !result.resources.empty();
  if (good) parsed.resource = result.resources.front();
  return true;
}

void StoreSource::changed_soon() {
  ++version_;
  pacer_.ask();
}

void StoreSource::set_broken(const std::map<std::string, std::string>& broken) {
  istio::Diagnostics findings;
  for (const auto& [path, why] : broken) findings.push_back({istio::Severity::kError, path, 0, "", "", why});
  if (findings == broken_) return;
  broken_ = std::move(findings);
  changed_soon();
}

ResourceList StoreSource::list() const {
  ResourceList list = manifests_.list();
  list.version = version_;
  std::erase_if(list.resources, [&](const istio::ResourcePtr& resource) {
    const auto refused = refused_.find(resource->id());
    if (refused == refused_.end()) return false;
    list.findings.push_back({istio::Severity::kError, resource->file, resource->line, resource->id(), "",
                             "is in the store already (" + refused->second + "): delete it there first"});
    return true;
  });
  for (const auto& [key, parsed] : parsed_) {
    if (parsed.resource != nullptr) list.resources.push_back(parsed.resource);
    list.findings.insert(list.findings.end(), parsed.findings.begin(), parsed.findings.end());
  }
  list.findings.insert(list.findings.end(), broken_.begin(), broken_.end());
  return list;
}

}  // namespace remora::xds
