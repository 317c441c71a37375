#include "grpc_stats/methods.h"

#include <algorithm>
#include <array>

namespace remora::filters {
namespace {

constexpr std::array<std::string_view, kGrpcStatuses> kStatusNames = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

constexpr std::array<StatDef, kGrpcStats> make_schema() {
  std::array<StatDef, kGrpcStats> schema{};
  for (size_t i = 0; i < kGrpcStatuses; ++i) schema[i].name = kStatusNames[i];
  schema[kGrpcSuccess].name = "success";
  schema[kGrpcFailure].name = "failure";
  schema[kGrpcTotal].name = "total";
  schema[kGrpcRequestMessages].name = "request_message_count";
  schema[kGrpcResponseMessages].name = "response_message_count";
  schema[kGrpcUpstreamTime] = {.name = "upstream_rq_time", .kind = StatKind::kHistogram};
  return schema;
}
constexpr auto kSchema = make_schema();
constexpr StatDef kCounts[] = {{.name = "method_overflow_total"}};  // requests whose name met the limit

ScopeName scope_name(const std::string& cluster, const MethodName* method) {
  ScopeName name{.prefix = "cluster." + cluster + ".grpc.",
                 .prometheus_prefix = "envoy_cluster_grpc_",
                 .tags = {{"envoy_cluster_name", cluster}}};
  if (method == nullptr) return name;
  name.prefix += method->service + "." + method->method + ".";
  name.tags.push_back({"envoy_grpc_bridge_method", method->method});
  name.tags.push_back({"envoy_grpc_bridge_service", method->service});
  return name;
}

}  // namespace

std::optional<GrpcMethod> grpc_method_of(std::string_view path) {
  path = path.substr(0, path.find('?'));
  std::array<std::string_view, 2> parts;
  size_t count = 0;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty()) continue;
    if (count == parts.size()) return std::nullopt;
    parts[count++] = part;
  }
  if (count != parts.size()) return std::nullopt;
  return GrpcMethod{parts[0], parts[1]};
}

std::shared_ptr<MethodTable> MethodTable::of(StatsStore& stats) {
  static std::mutex mutex;
  static std::map<StatsStore*, std::weak_ptr<MethodTable>> tables;
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = tables[&stats];
  auto table = entry.lock();
  if (table == nullptr) entry = table = std::make_shared<MethodTable>(stats);
  return table;
}

MethodTable::MethodTable(StatsStore& stats, size_t limit)
    : stats_(stats),
      limit_(limit),
      counts_(stats.make_scope(
          kCounts, {.prefix = "grpc_stats.", .prometheus_prefix = "envoy_grpc_stats_", .tags = {}})) {}

const MethodName* MethodTable::configured(const std::string& service, const std::string& method) {
  const std::lock_guard lock(mutex_);
  Entry& entry = methods_.try_emplace({service, method}, Entry{{service, method}}).first->second;
  entry.configured = true;
  return &entry.name;
}

const MethodName* MethodTable::from_client(std::string_view service, std::string_view method, size_t shard) {
  const bool too_long = service.size() + method.size() > kMaxNameLength;
  const std::lock_guard lock(mutex_);
  const auto found = methods_.find(std::pair(service, method));
  if (found != methods_.end()) return &found->second.name;
  if (too_long || client_methods_ >= limit_) {
    counts_->block(shard).add(0);
    return nullptr;
  }
  ++client_methods_;
  MethodName name{std::string(service), std::string(method)};
  const std::pair key(name.service, name.method);
  return &methods_.emplace(key, Entry{std::move(name)}).first->second.name;
}

StatScope& MethodTable::scope(const ClusterConfig& cluster, const MethodName* method, size_t shard) {
  const std::string name = cluster_stat_name(cluster);
  const std::lock_guard lock(mutex_);
  if (method == nullptr || scopes_.contains({name, method})) return scope_locked(name, method);
  if (!methods_.find(std::pair(method->service, method->method))->second.configured) {
    if (client_scopes_ >= limit_) {
      counts_->block(shard).add(0);
      return scope_locked(name, nullptr);
    }
    ++client_scopes_;
  }
  return scope_locked(name, method);
}

StatScope& MethodTable::scope_locked(const std::string& cluster, const MethodName* method) {
  auto& scope = scopes_[{cluster, method}];
  if (scope == nullptr) scope = stats_.make_scope(kSchema, scope_name(cluster, method));
  return *scope;
}

}  // namespace remora::filters
