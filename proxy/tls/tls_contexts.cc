#include "tls/tls_contexts.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "log.h"
#include "remora/http/tls_info.h"
#include "tls/check_secret.h"
#include "tls/client_context.h"
#include "tls/material.h"
#include "tls/server_context.h"
#include "tls/ticket_keys.h"

namespace remora {
namespace {

uint64_t unix_seconds(WallTime time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return seconds > 0 ? static_cast<uint64_t>(seconds) : 0;
}

CertificateEntry entry_of(const CertificateInfo& info, const std::string& path) {
  CertificateEntry entry{path, info.serial, {}, info.not_before, info.not_after};
  for (const auto& name : info.dns_sans) entry.subject_alt_names.emplace_back("dns", name);
  for (const auto& name : info.uri_sans) entry.subject_alt_names.emplace_back("uri", name);
  for (const auto& name : info.ip_sans) entry.subject_alt_names.emplace_back("ip_address", name);
  return entry;
}

/// What all contexts of the process have in common.
struct Shared {
  std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>();
  std::shared_ptr<ProvenSettings> proven = std::make_shared<ProvenSettings>();
};

/// A slot with what it is made from. Lives as long as somebody holds the slot.
class Follower {
 public:
  Follower(std::shared_ptr<SslStats> stats, std::string where)
      : ssl_stats_(std::move(stats)),
        where_(std::move(where)) {}
  virtual ~Follower() = default;

  [[nodiscard]] virtual const CommonTls& common() const = 0;
  [[nodiscard]] virtual const SecretRef<SessionTicketKeys>* tickets() const { return nullptr; }
  [[nodiscard]] virtual TlsSide side() const = 0;
  /// Makes the context and puts it in the slot.
  virtual Result<void> fill(TlsMaterial material) = 0;

  /// False: a secret is missing.
  Result<bool> renew(const KnownSecrets& secrets, const Shared& shared);
  [[nodiscard]] std::vector<std::string> secret_names() const;
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] SslStats& ssl_stats() const { return *ssl_stats_; }
  [[nodiscard]] CertificateSet certificates() const;
  [[nodiscard]] WallTime first_expiry() const;

 private:
  void show_expiry();

  std::shared_ptr<SslStats> ssl_stats_;
  std::string where_;
  TlsMaterial material_;  // of the context in use
  std::vector<std::shared_ptr<StatScope>> expiry_;
};

Result<bool> Follower::renew(const KnownSecrets& secrets, const Shared& shared) {
  auto material = resolve_material(common(), side(), tickets(), secrets);
  if (!material) return std::move(material).error();
  if (!*material) return false;
  auto& ready = **material;
  ready.stats = ssl_stats_;
  ready.where = where_;
  ready.proven = shared.proven;
  if (ready.tickets == nullptr) ready.tickets = shared.tickets;
  if (auto filled = fill(ready); !filled) return std::move(filled).error();
  material_ = std::move(ready);
  show_expiry();
  return true;
}

std::vector<std::string> Follower::secret_names() const {
  std::vector<std::string> names;
  const auto add = [&](const auto& reference) {
    if (reference.named() && std::ranges::find(names, reference.name) == names.end())
      names.push_back(reference.name);
  };
  for (const auto& reference : common().certificates) add(reference);
  add(common().validation);
  if (tickets() != nullptr) add(*tickets());
  return names;
}

// Envoy's names: the secret's, or what tells unnamed ones apart.
std::string shown_name(const std::string& secret, std::string_view kind, const CertificateInfo& info) {
  return secret.empty() ? std::string(kind) + info.sha256.substr(0, 8) : secret;
}

void Follower::show_expiry() {
  std::vector<std::shared_ptr<StatScope>> scopes;
  const auto show = [&](const std::string& name, WallTime time) {
    scopes.push_back(ssl_stats_->certificate_expiry(name));
    scopes.back()->block(0).set(0, unix_seconds(time));
  };
  const auto& references = common().certificates;
  for (size_t i = 0; i < material_.pairs.size(); ++i) {
    const auto& info = *material_.pairs[i]->info;
    show(shown_name(i < references.size() ? references[i].name : "", "unnamed_cert_", info), info.not_after);
  }
  if (material_.verifier != nullptr && !material_.verifier->trust().infos.empty()) {
    const auto& info = *material_.verifier->trust().infos.front();
    show(shown_name(common().validation.name, "unnamed_ca_cert_", info), info.not_after);
  }
  expiry_ = std::move(scopes);
}

CertificateSet Follower::certificates() const {
  CertificateSet set;
  if (material_.verifier != nullptr) {
    for (const auto& info : material_.verifier->trust().infos)
      set.ca.push_back(entry_of(*info, material_.verifier->config().ca_origin));
  }
  for (const auto& pair : material_.pairs) set.chain.push_back(entry_of(*pair->info, pair->origin));
  return set;
}

WallTime Follower::first_expiry() const {
  auto first = WallTime::max();
  for (const auto& pair : material_.pairs) first = std::min(first, pair->info->not_after);
  if (material_.verifier == nullptr) return first;
  for (const auto& info : material_.verifier->trust().infos) first = std::min(first, info->not_after);
  return first;
}

class ServerSlot final : public TlsSlot<ServerTls>, public Follower {
 public:
  ServerSlot(std::shared_ptr<const DownstreamTls> config, std::shared_ptr<SslStats> stats, std::string where)
      : TlsSlot(stats),
        Follower(stats, std::move(where)),
        config_(std::move(config)) {}
  [[nodiscard]] const CommonTls& common() const override { return config_->common; }
  [[nodiscard]] const SecretRef<SessionTicketKeys>* tickets() const override { return &config_->ticket_keys; }
  [[nodiscard]] TlsSide side() const override { return TlsSide::kServer; }
  Result<void> fill(TlsMaterial material) override {
    auto made = make_server_tls(config_, std::move(material));
    if (!made) return std::move(made).error();
    set(std::move(*made));
    return {};
  }

 private:
  std::shared_ptr<const DownstreamTls> config_;
};

class ClientSlot final : public TlsSlot<ClientTls>, public Follower {
 public:
  ClientSlot(std::shared_ptr<const UpstreamTls> config, std::shared_ptr<SslStats> stats, std::string where)
      : TlsSlot(stats),
        Follower(stats, std::move(where)),
        config_(std::move(config)) {}
  [[nodiscard]] const CommonTls& common() const override { return config_->common; }
  [[nodiscard]] TlsSide side() const override { return TlsSide::kClient; }
  Result<void> fill(TlsMaterial material) override {
    auto made = make_client_tls(config_, std::move(material));
    if (!made) return std::move(made).error();
    set(std::move(*made));
    return {};
  }

 private:
  std::shared_ptr<const UpstreamTls> config_;
};

/// Followers that may go at any time. Dead ones leave when the list has doubled.
class Followers {
 public:
  void add(std::weak_ptr<Follower> follower) {
    if (list_.size() >= sweep_at_) {
      std::erase_if(list_, [](const auto& weak) { return weak.expired(); });
      sweep_at_ = std::max<size_t>(64, list_.size() * 2);
    }
    list_.push_back(std::move(follower));
  }
  void each(const std::function<void(Follower&)>& visit) const {
    for (const auto& weak : list_) {
      if (const auto follower = weak.lock()) visit(*follower);
    }
  }

 private:
  std::vector<std::weak_ptr<Follower>> list_;
  size_t sweep_at_ = 64;
};

}  // namespace

struct TlsContexts::State {
  explicit State(StatsStore& store) : stats(store) {}

  /// Fills the slot for the first time and remembers it.
  template <typename Slot>
  Result<void> begin(const std::shared_ptr<Slot>& slot) {
    auto filled = slot->renew(secrets, shared);
    if (!filled) return std::move(filled).error().in(slot->where());
    followers.add(slot);
    for (const auto& name : slot->secret_names()) by_secret[name].add(slot);
    return {};
  }
  void secret_changed(std::string_view name);

  StatsStore& stats;
  KnownSecrets secrets;
  Shared shared;
  Followers followers;
  std::map<std::string, Followers, std::less<>> by_secret;
};

void TlsContexts::State::secret_changed(std::string_view name) {
  const auto users = by_secret.find(name);
  if (users == by_secret.end()) return;
  users->second.each([&](Follower& follower) {
    const auto renewed = follower.renew(secrets, shared);
    if (!renewed) {
      log_warn("config", "{}: secret '{}' cannot be used: {}; the context before stays", follower.where(),
               name, renewed.error().message);
    } else if (*renewed) {
      follower.ssl_stats().updated_by_sds();
    }
  });
}

TlsContexts::TlsContexts(StatsStore& stats) : state_(std::make_unique<State>(stats)) {}
TlsContexts::~TlsContexts() = default;

Result<std::shared_ptr<TlsSlot<ServerTls>>> TlsContexts::server(std::shared_ptr<const DownstreamTls> config,
                                                                SslOwner owner, std::string where) {
  auto stats = std::make_shared<SslStats>(state_->stats, std::move(owner));
  auto slot = std::make_shared<ServerSlot>(std::move(config), std::move(stats), std::move(where));
  if (auto begun = state_->begin(slot); !begun) return std::move(begun).error();
  return std::shared_ptr<TlsSlot<ServerTls>>(std::move(slot));
}

Result<std::shared_ptr<TlsSlot<ClientTls>>> TlsContexts::client(std::shared_ptr<const UpstreamTls> config,
                                                                SslOwner owner, std::string where) {
  auto stats = std::make_shared<SslStats>(state_->stats, std::move(owner));
  auto slot = std::make_shared<ClientSlot>(std::move(config), std::move(stats), std::move(where));
  if (auto begun = state_->begin(slot); !begun) return std::move(begun).error();
  return std::shared_ptr<TlsSlot<ClientTls>>(std::move(slot));
}

Result<void> TlsContexts::set_secret(std::shared_ptr<const Secret> secret) {
  auto known = know_secret(secret);
  if (!known) return std::move(known).error();
  state_->secrets.set(std::move(*known));
  state_->secret_changed(secret->name);
  return {};
}

void TlsContexts::remove_secret(std::string_view name) { state_->secrets.remove(name); }

void TlsContexts::each_context(const std::function<void(const CertificateSet&)>& visit) const {
  state_->followers.each([&](Follower& follower) { visit(follower.certificates()); });
}

uint32_t TlsContexts::days_until_first_expiry(WallTime now) const {
  auto first = WallTime::max();
  state_->followers.each([&](Follower& follower) { first = std::min(first, follower.first_expiry()); });
  if (first == WallTime::max()) return std::numeric_limits<uint32_t>::max();
  const auto left = std::chrono::duration_cast<std::chrono::hours>(first - now).count() / 24;
  return left > 0 ? static_cast<uint32_t>(left) : 0;
}

Result<void> check_secret(const Secret& secret) {
  const auto known = know_secret(std::make_shared<const Secret>(secret));
  return known ? Result<void>() : Result<void>(Error{known.error()});
}

}  // namespace remora
