#pragma once

#include <boost/asio/io_context.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "control_plane/pacer.h"
#include "istio/registry/inventory.h"
#include "store/object_store.h"

namespace remora::xds {

/// Moves the Pods, EndpointSlices and Nodes of a store into the inventory, and lets what follows from them
/// happen at a pace that holds for a busy cluster. Control thread only.
class InventoryFeed {
 public:
  /// Both outlive this. `changed` is called, never from within, when the inventory has changes to be taken.
  InventoryFeed(boost::asio::io_context& context, store::ObjectStore& store, istio::Inventory& inventory,
                std::function<void()> changed);
  InventoryFeed(const InventoryFeed&) = delete;
  InventoryFeed& operator=(const InventoryFeed&) = delete;
  ~InventoryFeed();

  /// Whether objects of this type are for the inventory, and mean nothing to the mesh otherwise.
  static bool takes(const std::string& type);

 private:
  using Names = std::set<istio::ObjectName>;

  void follow(const std::string& type, istio::Inventory::Kind kind, const Names& known);
  Names read(const store::ObjectList& list, istio::Inventory::Kind kind, const Names& known);

  boost::asio::io_context& context_;
  store::ObjectStore& store_;
  istio::Inventory& inventory_;
  Pacer pacer_;
  std::map<std::string, store::ObjectStore::Watch> watches_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace remora::xds
