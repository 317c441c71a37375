#include "control_plane/credentials.h"

#include <boost/json/object.hpp>
#include <tuple>
#include <vector>

#include "istio/text/base64.h"

namespace remora::xds {
namespace {

constexpr const char* kSecrets = "secrets";
constexpr const char* kAuthoritySuffix = "-cacert";

std::string resource_name(const std::string& name) { return "kubernetes://" + name; }

/// The data of a Secret; what is written as text counts as well, where nobody has moved it.
Result<identity::SecretFields> fields_of(const store::Object& secret) {
  identity::SecretFields fields;
  if (const auto* data = secret.body.if_contains("data"); data != nullptr && data->is_object()) {
    for (const auto& field : data->get_object()) {
      const auto decoded = field.value().is_string()
                               ? istio::decode_base64(std::string(field.value().get_string()))
                               : std::nullopt;
      if (!decoded) return Error{"data." + std::string(field.key()) + " is no base64"};
      fields[field.key()] = *decoded;
    }
  }
  if (const auto* text = secret.body.if_contains("stringData"); text != nullptr && text->is_object()) {
    for (const auto& field : text->get_object()) {
      if (field.value().is_string()) fields[field.key()] = std::string(field.value().get_string());
    }
  }
  return fields;
}

}  // namespace

Credentials::Credentials(boost::asio::io_context& context, store::ObjectStore& store,
                         std::function<void()> changed, std::chrono::milliseconds look_again)
    : store_(store),
      changed_(std::move(changed)),
      look_again_(look_again),
      timer_(context) {
  watch();
}

/// An API server's Secrets are not watched, since that takes the right to list them all: these are looked at
/// again and again.
void Credentials::watch() {
  watch_ = store_.watch(kSecrets, store_.version(), [this](const store::Event& event) { on_event(event); });
}

void Credentials::on_event(const store::Event& event) {
  const store::ObjectKey& key = event.object->key;
  std::string name = key.name;
  if (entries_.contains({key.ns, name})) read({key.ns, name});
  if (!name.ends_with(kAuthoritySuffix)) return;
  name.resize(name.size() - std::string_view(kAuthoritySuffix).size());
  if (entries_.contains({key.ns, name})) read({key.ns, name});
}

void Credentials::follow(const Wanted& wanted) {
  const size_t before = entries_.size();
  std::erase_if(entries_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  const bool fewer = entries_.size() != before;
  for (const auto& [key, use] : wanted) {
    const auto [place, fresh] = entries_.try_emplace(key);
    const bool same = !fresh && place->second.use == use;
    place->second.use = use;
    if (!same) read(key);
  }
  if (fewer) changed_();
  look_again();
}

void Credentials::look_again() {
  if (waiting_ || entries_.empty()) return;
  waiting_ = true;
  timer_.expires_after(look_again_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    waiting_ = false;
    std::vector<Key> keys;
    keys.reserve(entries_.size());
    for (const auto& entry : entries_) keys.push_back(entry.first);
    for (const Key& key : keys) read(key);
    look_again();
  });
}

void Credentials::read(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const bool with_authority = entry->second.use.with_ca;
  fetch(key, key.second, &Entry::own);
  if (with_authority) fetch(key, key.second + kAuthoritySuffix, &Entry::authority);
}

void Credentials::fetch(const Key& key, const std::string& name, Read Entry::*place) {
  const auto answered = [this, alive = std::weak_ptr(alive_), key,
                         place](const Result<store::ObjectPtr>& secret) {
    if (alive.expired()) return;
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    Read read;
    read.known = secret.ok();
    if (!secret.ok()) {
      read.error = "cannot be read: " + secret.error().message;
    } else if (*secret != nullptr) {
      read.there = true;
      auto fields = fields_of(**secret);
      if (fields.ok()) {
        read.fields = std::move(*fields);
      } else {
        read.error = fields.error().message;
      }
    }
    entry->second.*place = std::move(read);
    judge(key, entry->second);
  };
  store_.fetch({kSecrets, key.first, name}, answered);
}

/// Empty: nothing to complain of.
std::string Credentials::judge_certificate(const Key& key, Entry& entry) {
  if (!entry.own.error.empty()) return entry.own.error;
  if (!entry.own.there) return "is not there";
  auto secret = identity::certificate_secret(resource_name(key.second), entry.own.fields);
  if (!secret.ok()) return secret.error().message;
  entry.certificate_secret = std::move(*secret);
  return "";
}

std::string Credentials::judge_authority(const Key& key, Entry& entry) {
  if (!entry.use.with_ca) return "";
  if (!entry.authority.error.empty()) return std::string(kAuthoritySuffix) + ' ' + entry.authority.error;
  const bool apart = entry.authority.there && identity::has_authority(entry.authority.fields);
  auto secret = identity::authority_secret(resource_name(key.second) + kAuthoritySuffix,
                                           apart ? entry.authority.fields : entry.own.fields);
  if (!secret.ok()) return secret.error().message;
  entry.authority_secret = std::move(*secret);
  return "";
}

void Credentials::judge(const Key& key, Entry& entry) {
  const bool all_answered = entry.own.known || !entry.own.error.empty();
  const bool authority_answered =
      !entry.use.with_ca || entry.authority.known || !entry.authority.error.empty();
  if (!all_answered || !authority_answered) return;
  const auto hash_of = [](const istio::EncodedResourcePtr& secret) {
    return secret == nullptr ? 0 : secret->hash;
  };
  const auto before =
      std::tuple(hash_of(entry.certificate_secret), hash_of(entry.authority_secret), entry.complaint);
  std::string complaint = judge_certificate(key, entry);
  if (complaint.empty()) complaint = judge_authority(key, entry);
  if (!complaint.empty()) {
    const bool has_good =
        entry.certificate_secret != nullptr && (!entry.use.with_ca || entry.authority_secret != nullptr);
    complaint = "Secret " + key.first + '/' + key.second + ' ' + complaint +
                (has_good ? "; the last good one stays" : "; clients are refused until it is mended");
  }
  entry.complaint = std::move(complaint);
  const auto now =
      std::tuple(hash_of(entry.certificate_secret), hash_of(entry.authority_secret), entry.complaint);
  if (before != now) changed_();
}

void Credentials::add_to(const std::string& ns, const istio::CredentialUses& uses,
                         istio::ResourceGroup& group) const {
  for (const istio::CredentialUse& use : uses) {
    const auto entry = entries_.find({ns, use.name});
    if (entry == entries_.end()) continue;
    if (entry->second.certificate_secret != nullptr) group.resources.put(entry->second.certificate_secret);
    if (use.with_ca && entry->second.authority_secret != nullptr)
      group.resources.put(entry->second.authority_secret);
  }
}

istio::Diagnostics Credentials::findings() const {
  istio::Diagnostics findings;
  for (const auto& [key, entry] : entries_) {
    if (entry.complaint.empty()) continue;
    findings.push_back(entry.use.place);
    findings.back().message = entry.complaint;
  }
  return findings;
}

}  // namespace remora::xds
