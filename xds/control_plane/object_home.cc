#include "control_plane/object_home.h"

#include "control_plane/cluster_home.h"
#include "store/directory_store.h"

namespace remora::xds {
namespace {

class FolderHome final : public ObjectHome {
 public:
  explicit FolderHome(std::unique_ptr<store::DirectoryStore> store) : store_(std::move(store)) {}

  store::ObjectStore& objects() override { return store_->objects(); }
  store::ObjectStore& objects_for_api() override { return store_->objects(); }
  store::MemoryStore* manifests() override { return &store_->objects(); }
  kubernetes::ApiClient* api_server() override { return nullptr; }
  std::string own_namespace() const override { return {}; }
  std::string place_of(const store::ObjectKey& key) const override { return store_->path_of(key); }
  std::map<std::string, std::string> broken() const override { return store_->broken(); }
  bool ready() const override { return true; }
  boost::json::array describe() const override { return {}; }
  std::string metrics() const override { return {}; }
  void follow(std::function<void()> changed) override { store_->follow(std::move(changed)); }

 private:
  std::unique_ptr<store::DirectoryStore> store_;
};

}  // namespace

Result<std::unique_ptr<ObjectHome>> ObjectHome::open(boost::asio::io_context& context, const Options& options,
                                                     const std::string& folder) {
  if (options.uses_kubernetes()) return open_cluster(context, options);
  auto store = store::DirectoryStore::open(context, folder);
  if (!store.ok()) return Error{"--store: " + store.error().message};
  return std::unique_ptr<ObjectHome>(std::make_unique<FolderHome>(std::move(*store)));
}

}  // namespace remora::xds
