#include "control_plane/inventory_feed.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

namespace remora::xds {
namespace {

using Kind = istio::Inventory::Kind;

/// A burst, as a Deployment's rollout makes it, is one push; and proxies get at most ten a second.
constexpr std::chrono::milliseconds kGather{10};
constexpr std::chrono::milliseconds kGap{100};

struct Followed {
  const char* type;
  Kind kind;
};
/// Pods before the slices that name them.
constexpr std::array<Followed, 3> kFollowed{{{"nodes", Kind::kNode},
                                             {"pods", Kind::kPod},
                                             {"endpointslices.discovery.k8s.io", Kind::kEndpointSlice}}};

}  // namespace

InventoryFeed::InventoryFeed(boost::asio::io_context& context, store::ObjectStore& store,
                             istio::Inventory& inventory, std::function<void()> changed)
    : context_(context),
      store_(store),
      inventory_(inventory),
      pacer_(context, kGather, kGap, std::move(changed)) {
  for (const Followed& followed : kFollowed) follow(followed.type, followed.kind, {});
  inventory_.on_change([this] { pacer_.ask(); });
}

InventoryFeed::~InventoryFeed() { inventory_.on_change(nullptr); }

bool InventoryFeed::takes(const std::string& type) {
  return std::any_of(kFollowed.begin(), kFollowed.end(),
                     [&](const Followed& followed) { return type == followed.type; });
}

/// `known`: what an earlier list has put into the inventory.
void InventoryFeed::follow(const std::string& type, Kind kind, const Names& known) {
  const store::ObjectList list = store_.list(type);
  Names names = read(list, kind, known);
  auto& watch = watches_[type];
  watch = store_.watch(type, list.version, [this, kind](const store::Event& event) {
    const store::Object& object = *event.object;
    if (!object.file.empty()) return;  // files come with the mesh's resources
    if (event.type == store::EventType::kDeleted) {
      inventory_.remove(kind, object.key.ns, object.key.name);
    } else {
      inventory_.put(kind, object.body);
    }
  });
  if (watch != nullptr) return;
  // The store remembers less than what has happened since the list was made: list again.
  boost::asio::post(context_, [this, alive = std::weak_ptr(alive_), type, kind, names = std::move(names)] {
    if (!alive.expired()) follow(type, kind, names);
  });
}

InventoryFeed::Names InventoryFeed::read(const store::ObjectList& list, Kind kind, const Names& known) {
  Names names;
  for (const store::ObjectPtr& object : list.objects) {
    if (!object->file.empty()) continue;
    names.emplace(object->key.ns, object->key.name);
    inventory_.put(kind, object->body);
  }
  for (const istio::ObjectName& name : known) {
    if (!names.contains(name)) inventory_.remove(kind, name.first, name.second);
  }
  return names;
}

}  // namespace remora::xds
