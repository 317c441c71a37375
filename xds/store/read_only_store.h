#pragma once

#include <string>

#include "store/object_store.h"

namespace remora::store {

/// Another store's objects for readers only: every write is refused as kReadOnly. Control thread only.
class ReadOnlyStore : public ObjectStore {
 public:
  /// `why` goes to whoever tries. The store must outlive this.
  ReadOnlyStore(ObjectStore& store, std::string why) : store_(store), why_(std::move(why)) {}

  uint64_t version() const override { return store_.version(); }
  ObjectList list(const std::string& type, const std::string& ns = {}) const override {
    return store_.list(type, ns);
  }
  ObjectPtr get(const ObjectKey& key) const override { return store_.get(key); }
  Watch watch(const std::string& type, uint64_t from, OnEvent on_event) override {
    return store_.watch(type, from, std::move(on_event));
  }

  void create(ObjectKey key, boost::json::object, Written done) override { refuse(key, done); }
  void update(const ObjectKey& key, boost::json::object, Precondition, Written done) override {
    refuse(key, done);
  }
  void update_status(const ObjectKey& key, boost::json::object, Precondition, Written done) override {
    refuse(key, done);
  }
  void remove(const ObjectKey& key, Precondition, Written done) override { refuse(key, done); }

 private:
  void refuse(const ObjectKey& key, const Written& done) const {
    done(WriteError{WriteError::Reason::kReadOnly, key.text() + ": " + why_});
  }

  ObjectStore& store_;
  const std::string why_;
};

}  // namespace remora::store
