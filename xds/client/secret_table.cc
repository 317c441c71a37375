#include "client/secret_table.h"

#include <algorithm>

#include "client/discovery_file.h"
#include "client/log.h"
#include "translate/content_hash.h"
#include "translate/resource_source.h"
#include "translate/secret.h"

namespace remora::xds {
namespace {

using Kind = SecretSource::Kind;

/// Everything that a new content can differ in, where its files are concerned.
uint64_t hash_of(const Secret& secret) {
  std::string bytes;
  const auto add = [&](std::string_view part) {
    bytes.append(std::to_string(part.size())).append(":").append(part);
  };
  if (const auto* certificate = std::get_if<TlsCertificate>(&secret.content)) {
    for (const auto* part : {&certificate->chain_pem, &certificate->key_pem, &certificate->pkcs12,
                             &certificate->password, &certificate->ocsp_staple})
      add(*part);
  } else if (const auto* validation = std::get_if<CertificateValidation>(&secret.content)) {
    add(validation->trusted_ca_pem);
    add(validation->crl_pem);
    for (const auto& [domain, bundle] : validation->spiffe_trust_domains) add(domain + "=" + bundle);
  } else {
    for (const auto& key : std::get<SessionTicketKeys>(secret.content).keys)
      add({reinterpret_cast<const char*>(key.data()), key.size()});
  }
  return content_hash(bytes);
}

}  // namespace

std::string ads_secret_key(const std::string& name) { return resource_key(name, {}); }

void SecretTable::add_static(ResourceRecord record, std::shared_ptr<const Secret> secret) {
  const std::string key = secret->name;
  State& state = states_[key];
  ProtoSecret proto;
  if (record.resource.unpack(proto)) {
    state.source.name = proto.name();
    state.folders = watched_folders(proto);
  }
  state.content_hash = hash_of(*secret);
  table_.hold(key, "static_resources");
  table_.supply(key, std::move(record), std::move(secret));
  ++sources_version_;
}

void SecretTable::expect(const SecretNeeds& needs) {
  for (const SecretNeed& need : needs) states_.try_emplace(need.key, State{need.source, {}, 0, {}});
}

void SecretTable::hold(const std::string& key, const std::string& user, WallTime wall) {
  if (!table_.hold(key, user)) return;
  ++sources_version_;
  const Kind kind = states_[key].source.kind;
  if (kind == Kind::kAds) touched_.insert(states_[key].source.name);
  if (kind == Kind::kAds || kind == Kind::kServer || kind == Kind::kFile) stats(key).attempt();
  if (kind == Kind::kFile || kind == Kind::kWatched) reload(key, wall);
}

void SecretTable::release(const std::string& key, const std::string& user) {
  if (!table_.release(key, user)) return;
  ++sources_version_;
  const SecretSource& source = states_[key].source;
  if (source.kind == Kind::kAds) touched_.insert(source.name);
  states_.erase(key);
}

bool SecretTable::is_settled(const std::string& key) const {
  const auto* entry = table_.find(key);
  return entry != nullptr && (entry->value || entry->refused || entry->absent);
}

void SecretTable::take(const std::string& key, const ProtoSecret& secret, ResourceRecord record,
                       Context& context) {
  const auto state = states_.find(key);
  if (table_.find(key) == nullptr || state == states_.end()) return;
  auto made = translate_secret(secret, key, record.version, record.updated, context);
  // Also of a refused one: its files may become right.
  std::vector<std::string> folders = watched_folders(secret);
  if (folders != state->second.folders) {
    state->second.folders = std::move(folders);
    ++sources_version_;
  }
  if (!made) return;
  state->second.content_hash = hash_of(*made);
  table_.supply(key, std::move(record), std::move(made));
}

Result<ResourceRecord> SecretTable::read_file_secret(const SecretSource& source, WallTime wall) const {
  auto response = read_discovery_file(source.path);
  if (!response.ok()) return std::move(response).error();
  for (const auto& resource : response->resources()) {
    ProtoSecret secret;
    if (resource.UnpackTo(&secret) && secret.name() == source.name)
      return ResourceRecord{resource, response->version_info(), wall};
  }
  return Error{source.path + ": has no secret '" + source.name + "'"};
}

Result<ResourceRecord> SecretTable::record_to_reload(const std::string& key, const State& state,
                                                     WallTime wall) const {
  if (state.source.kind == Kind::kFile) return read_file_secret(state.source, wall);
  ResourceRecord record;
  if (state.source.kind == Kind::kWatched) {
    record.resource = PackedResource(*state.source.content);
    record.updated = wall;
    return record;
  }
  const auto* entry = table_.find(key);
  // One that was refused for its files' sake is tried again.
  if (entry != nullptr && entry->refused)
    record = entry->refused->record;
  else if (entry != nullptr && entry->record)
    record = *entry->record;
  else
    return Error{"did not come yet"};
  record.updated = wall;
  return record;
}

bool SecretTable::reload(const std::string& key, WallTime wall) {
  const auto state = states_.find(key);
  if (state == states_.end()) return false;
  auto record = record_to_reload(key, state->second, wall);
  ConfigReport report;
  ProtoSecret secret;
  std::shared_ptr<const Secret> made;
  if (record.ok()) {
    Context context(environment_, report);
    record->resource.unpack(secret);
    made = translate_secret(secret, key, record->version, wall, context);
    state->second.folders = watched_folders(secret);
    ++sources_version_;
  } else {
    report.error({}, record.error().message);
  }
  const auto* entry = table_.find(key);
  if (made && entry != nullptr && entry->value && !entry->refused &&
      hash_of(*made) == state->second.content_hash)
    return false;
  if (!made) {
    const std::string details = report.error_text();
    if (entry != nullptr && entry->refused && entry->refused->details == details) return false;
    log(LogLevel::kWarning, "refused the files of secret '" + key + "': " + details);
    if (UpdateStats& counted = stats(key)) counted.rejected();
    ResourceRecord refused = record.ok() ? std::move(*record) : ResourceRecord{{}, {}, wall};
    table_.refuse(key, {std::move(refused), details});
    return true;
  }
  state->second.content_hash = hash_of(*made);
  if (UpdateStats& counted = stats(key)) counted.success(record->version);
  table_.supply(key, std::move(*record), std::move(made));
  return true;
}

const SecretSource* SecretTable::source_of(const std::string& key) const {
  const auto found = states_.find(key);
  return found == states_.end() ? nullptr : &found->second.source;
}

std::vector<std::string> SecretTable::folders_of(const std::string& key) const {
  const auto found = states_.find(key);
  if (found == states_.end()) return {};
  std::vector<std::string> folders = found->second.folders;
  const auto& own = found->second.source.folders;
  folders.insert(folders.end(), own.begin(), own.end());
  std::sort(folders.begin(), folders.end());
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  return folders;
}

std::vector<std::string> SecretTable::ads_names() const {
  std::vector<std::string> names;
  for (const auto& [key, entry] : table_.entries()) {
    const SecretSource* source = source_of(key);
    if (source != nullptr && source->kind == Kind::kAds) names.push_back(source->name);
  }
  return names;
}

UpdateStats& SecretTable::stats(const std::string& key) {
  static UpdateStats none;
  const auto found = states_.find(key);
  if (found == states_.end()) return none;
  State& state = found->second;
  const bool counted = state.source.kind != Kind::kStatic && state.source.kind != Kind::kWatched;
  if (!state.stats && counted)
    state.stats = UpdateStats(environment_.stats, UpdateStats::secret(state.source.name));
  return state.stats;
}

}  // namespace remora::xds
