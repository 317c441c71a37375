#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kubernetes/api_client.h"
#include "kubernetes/object_cache.h"
#include "kubernetes/reflector.h"

namespace remora::kubernetes {

struct StoreSettings {
  Timing timing;
  bool rollouts = true;  ///< whether canaries are driven here: if not, what only they need is not read
  std::function<void(bool warning, const std::string& text)> log = [](bool, const std::string&) {};
};

/// The objects of a Kubernetes API server: nothing is kept here but what has been read. Each kind of
/// api_kinds() is listed and watched; what cannot be read any more stays as it was last. Writes go to the
/// server with the version that they presume, and count here as soon as it has answered; get() and list() are
/// never older than one's own writes. A write that presumes no version is tried again on the server's newest
/// state when somebody else was faster. update() does not touch the status of kinds that have a status
/// subresource, and what is kept slim (ApiKind::slim) cannot be written. Control thread only.
class KubernetesStore : public store::ObjectStore, private ReflectorSink {
 public:
  /// Both must outlive the store; its end gives up what is under way.
  KubernetesStore(boost::asio::io_context& context, ApiClient& client, StoreSettings settings);
  ~KubernetesStore() override;
  KubernetesStore(const KubernetesStore&) = delete;
  KubernetesStore& operator=(const KubernetesStore&) = delete;

  /// Begins to read.
  void start();
  /// Whether everything that routing depends on has been read at least once; never false again.
  bool settled() const { return settled_; }
  std::vector<KindState> states() const;
  size_t count(const std::string& type) const { return cache_.count(type); }
  /// Called after each change of states(), from the event loop.
  void on_states(std::function<void()> changed) { changed_ = std::move(changed); }

  uint64_t version() const override { return cache_.version(); }
  store::ObjectList list(const std::string& type, const std::string& ns = {}) const override {
    return cache_.list(type, ns);
  }
  store::ObjectPtr get(const store::ObjectKey& key) const override { return cache_.get(key); }
  void fetch(const store::ObjectKey& key, Fetched done) override;
  void create(store::ObjectKey key, boost::json::object body, store::Written done) override;
  void update(const store::ObjectKey& key, boost::json::object body, store::Precondition precondition,
              store::Written done) override;
  void update_status(const store::ObjectKey& key, boost::json::object body, store::Precondition precondition,
                     store::Written done) override;
  void remove(const store::ObjectKey& key, store::Precondition precondition, store::Written done) override;
  Watch watch(const std::string& type, uint64_t from, OnEvent on_event) override {
    return cache_.watch(type, from, std::move(on_event));
  }

 private:
  struct Change;
  using ChangePtr = std::shared_ptr<Change>;

  void on_list(const ApiKind& kind, std::vector<store::ObjectPtr> objects,
               const std::vector<Unreadable>& unreadable, uint64_t version) override;
  void on_object(const store::ObjectPtr& object) override { cache_.put(object); }
  void on_removed(const store::ObjectKey& key, uint64_t version, const std::string& uid) override {
    cache_.remove(key, version, uid);
  }
  void on_state(const KindState& state) override;

  void change(const store::ObjectKey& key, boost::json::object body, store::Precondition precondition,
              bool only_status, store::Written done);
  void change_from_newest(const ChangePtr& change);
  void send_change(const ChangePtr& change, const store::ObjectPtr& base);
  void on_changed(const ChangePtr& change, const Result<ApiAnswer>& answer);
  void on_created(const ApiKind& kind, const store::ObjectKey& key, const Result<ApiAnswer>& answer,
                  const store::Written& done);
  void on_deleted(const ApiKind& kind, const store::ObjectKey& key, const std::string& uid,
                  const Result<ApiAnswer>& answer, const store::Written& done);
  store::WriteResult take_written(const ApiKind& kind, const store::ObjectKey& key, const std::string& text);
  void call(ApiCall call, ApiClient::Answered done);
  std::string_view version_of_kind(const ApiKind& kind) const;

  ApiClient& client_;
  StoreSettings settings_;
  ObjectCache cache_;
  std::map<std::string, std::shared_ptr<Reflector>, std::less<>> reflectors_;  // by type
  std::map<uint64_t, std::shared_ptr<void>> calls_;
  uint64_t next_call_ = 0;
  bool settled_ = false;
  std::map<std::string, std::string, std::less<>> told_;  // what was logged last, by type
  std::function<void()> changed_;
};

}  // namespace remora::kubernetes
