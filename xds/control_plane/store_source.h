#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <string>

#include "control_plane/directory_source.h"
#include "control_plane/pacer.h"
#include "control_plane/resource_source.h"
#include "store/memory_store.h"

namespace remora::xds {

/// All resources of the mesh: those of manifest files and those of the store. What files define is shown to
/// the store's users as well; where both define an object, the store had it first and the file's copy is
/// refused. Control thread only.
class StoreSource : public ResourceSource {
 public:
  /// All must outlive this. `for_manifests` takes what files define; null where the store cannot. `path_of`
  /// names an object's place in messages.
  StoreSource(boost::asio::io_context& context, DirectorySource& manifests, store::ObjectStore& store,
              store::MemoryStore* for_manifests, std::function<std::string(const store::ObjectKey&)> path_of);

  ResourceList list() const override;
  void watch(std::function<void()> changed) override { changed_ = std::move(changed); }

  /// The mesh sees this in place of the store's object until that is another one than now.
  void hold(const store::Object& shown);

  /// Further findings, about files that the store cannot read.
  void set_broken(const std::map<std::string, std::string>& broken);

 private:
  struct Parsed {
    store::ObjectPtr object;  ///< what it was read from, or one that says the same
    istio::ResourcePtr resource;
    istio::Diagnostics findings;
  };

  void take_manifests();
  void on_event(const store::Event& event);
  bool take(const store::ObjectPtr& object);
  bool parse(const store::ObjectPtr& object);
  void changed_soon();

  DirectorySource& manifests_;
  store::ObjectStore& store_;
  store::MemoryStore* for_manifests_;
  std::function<std::string(const store::ObjectKey&)> path_of_;
  std::map<store::ObjectKey, Parsed> parsed_;  // of the store's own objects
  std::map<store::ObjectKey, store::ObjectPtr>
      held_;  // objects that are shown as others, and as what they are
  std::map<std::string, std::string>
      refused_;  // manifests' objects by id, and the path that has them already
  istio::Diagnostics broken_;
  uint64_t version_ = 1;
  std::function<void()> changed_;
  Pacer pacer_;
  store::ObjectStore::Watch watch_;
};

}  // namespace remora::xds
