#include "rollout/known_configs.h"

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/json/value.hpp>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

/// Answers come in any order; the last one ends it.
struct Reading {
  KnownConfigs known;
  size_t waiting = 0;
  std::function<void(KnownConfigs)> done;

  void settle() {
    if (--waiting > 0 || !done) return;
    const auto tell = std::move(done);
    done = nullptr;
    tell(std::move(known));
  }
};

std::string decode_base64(const std::string& text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::decoded_size(text.size()), '\0');
  const auto sizes = base64::decode(out.data(), text.data(), text.size());
  out.resize(sizes.first);
  return out;
}

SecretFields fields_of(const store::Object& secret) {
  SecretFields fields;
  if (const auto* data = object_of(secret.body, "data")) {
    for (const auto& item : *data) fields[item.key()] = decode_base64(text_of(*data, item.key()));
  }
  if (const auto* plain = object_of(secret.body, "stringData")) {
    for (const auto& item : *plain) fields[item.key()] = text_of(*plain, item.key());
  }
  return fields;
}

}  // namespace

store::ObjectPtr KnownConfigs::get(const store::ObjectKey& key) const {
  const auto found = read_.find(key);
  return found == read_.end() || !found->second.ok() ? nullptr : *found->second;
}

std::string KnownConfigs::fault(const store::ObjectKey& key) const {
  const auto found = read_.find(key);
  if (found == read_.end()) return key.text() + " has not been read yet";
  return found->second.ok() ? "" : found->second.error().message;
}

bool is_read_by_name(const std::string& type) { return type == "configmaps" || type == "secrets"; }

std::shared_ptr<void> read_configs(store::ObjectStore& store, const std::vector<store::ObjectKey>& keys,
                                   std::function<void(KnownConfigs)> done) {
  auto reading = std::make_shared<Reading>();
  reading->done = std::move(done);
  reading->waiting = keys.size() + 1;  // one for this loop
  for (const store::ObjectKey& key : keys) {
    store.fetch(key, [reading, key](Result<store::ObjectPtr> read) {
      reading->known.put(key, std::move(read));
      reading->settle();
    });
  }
  reading->settle();
  return {reading.get(), [reading](void*) { reading->done = nullptr; }};
}

void read_secret(store::ObjectStore& store, const std::string& ns, const std::string& name,
                 std::function<void(Result<SecretFields>)> done) {
  store.fetch({"secrets", ns, name},
              [what = "Secret " + ns + '/' + name, done = std::move(done)](Result<store::ObjectPtr> read) {
                if (!read.ok()) return done(Error{what + " cannot be read: " + read.error().message});
                if (!*read) return done(Error{what + " does not exist"});
                done(fields_of(**read));
              });
}

}  // namespace remora::rollout
