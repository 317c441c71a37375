#include "control_plane/store_source.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "store/kinds.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

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

/// An object as its author wrote it: without what changes with every look at it.
std::string authored_text(const store::Object& object) {
  json::object body = object.body;
  body.erase("status");
  if (json::value* metadata = body.if_contains("metadata"); metadata != nullptr && metadata->is_object()) {
    for (const char* name : {"resourceVersion", "managedFields", "generation", "uid"}) {
      metadata->get_object().erase(name);
    }
  }
  return json::serialize(body);
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
    : context_(context),
      manifests_(manifests),
      store_(store),
      for_manifests_(for_manifests),
      path_of_(std::move(path_of)) {
  for (const store::Kind& kind : store::kinds()) {
    if (!is_for_mesh(kind.type())) continue;
    for (const store::ObjectPtr& object : store_.list(kind.type()).objects) take(*object);
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
    if (take(*event.object)) changed_soon();
    return;
  }
  held_.erase(event.object->key);
  if (parsed_.erase(event.object->key) > 0) {
    take_manifests();  // a file may have waited for the place
    changed_soon();
  }
}

/// Whether what the mesh sees of the object has changed.
bool StoreSource::take(const store::Object& object) {
  if (!is_for_mesh(object.key.type) || !object.file.empty()) return false;
  std::string text = authored_text(object);
  if (const auto held = held_.find(object.key); held != held_.end()) {
    if (held->second == text) return false;
    held_.erase(held);
  }
  return parse(object, std::move(text));
}

void StoreSource::hold(const store::Object& shown) {
  const store::ObjectPtr present = store_.get(shown.key);
  if (!present || !present->file.empty()) return;
  held_[shown.key] = authored_text(*present);
  if (parse(shown, authored_text(shown))) changed_soon();
}

bool StoreSource::parse(const store::Object& object, std::string text) {
  Parsed& parsed = parsed_[object.key];
  if (text == parsed.text) return false;
  auto result = istio::parse_file(path_of_(object.key), text);
  parsed.text = std::move(text);
  parsed.findings = std::move(result.findings);
  // An object with an error leaves what it was before, as a bad file does.
  const bool good = !istio::has_errors(parsed.findings) && !result.resources.empty();
  if (good) parsed.resource = result.resources.front();
  return true;
}

/// Writes that belong together take effect together: those of one event of the control thread.
void StoreSource::changed_soon() {
  ++version_;
  if (change_posted_) return;
  change_posted_ = true;
  boost::asio::post(context_, [this] {
    change_posted_ = false;
    if (changed_) changed_();
  });
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
