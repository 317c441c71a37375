#include "client/subscription_stats.h"
#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

constexpr const char* kFault = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
constexpr const char* kBuffer = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer";
constexpr const char* kRouter = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// "{name: x, config_discovery: ...}", with the source ADS unless `more` says another.
std::string discovered(const std::string& name, const std::string& types, const std::string& more = "") {
  const bool has_source = more.find("config_source") != std::string::npos;
  return "{name: " + name + ", config_discovery: {type_urls: [" + types + "]" +
         (has_source ? "" : ", config_source: {ads: {}}") + (more.empty() ? "" : ", " + more) + "}}";
}

google::protobuf::Any filtering_listener(const std::string& name, const std::string& filters,
                                         const std::string& more = "") {
  return listener_with(name, "route_config: {name: r}, http_filters: [" + filters + "]", more);
}

const std::string kRouterFilter = ", {name: router, typed_config: {\"@type\": " + std::string(kRouter) + "}}";

google::protobuf::Any extension(const std::string& name, const std::string& type,
                                const std::string& fields = "") {
  return pack<envoy::config::core::v3::TypedExtensionConfig>("{name: " + name +
                                                             ", typed_config: {\"@type\": " + type +
                                                             (fields.empty() ? "" : ", " + fields) + "}}");
}
google::protobuf::Any fault(const std::string& name, int status) {
  return extension(name, kFault,
                   "abort: {http_status: " + std::to_string(status) + ", percentage: {numerator: 1}}");
}

class ExtensionsTest : public testing::Test {
 protected:
  UpdateResult update(Type type, std::vector<google::protobuf::Any> resources,
                      const std::string& source = "") {
    ResourceStore::Resources list;
    for (auto& resource : resources) *list.Add() = std::move(resource);
    return store_.update(type, "1", list, now_, {}, source);
  }
  UpdateResult removed(const std::string& name) {
    ResourceStore::DeltaResponse response;
    response.add_removed_resources(name);
    return store_.update(Type::kExtensions, response, now_, {});
  }
  std::string changes() {
    ConfigBatch batch = store_.take_batch();
    for (const auto& config : batch.listeners) latest_[config->name] = config;
    return summary(batch);
  }
  /// What stands in the chain: the addresses of the filters' factories.
  std::vector<const FilterFactory*> filters(const std::string& listener) {
    std::vector<const FilterFactory*> out;
    for (const auto& entry : latest_.at(listener)->filter_chains.at(0).http->filters)
      out.push_back(entry.factory.get());
    return out;
  }
  uint64_t chain_hash(const std::string& listener) { return latest_.at(listener)->filter_chains.at(0).hash; }
  uint64_t counter(const std::string& name) {
    for (const auto& scope : stats_.scopes()) {
      const std::string& prefix = scope->name().prefix;
      if (!name.starts_with(prefix)) continue;
      for (size_t i = 0; i < scope->schema().size(); ++i) {
        if (prefix + std::string(scope->schema()[i].name) == name) return scope->value(i);
      }
    }
    return UINT64_MAX;
  }

  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  MonotonicTime now_{std::chrono::seconds(100)};
  std::map<std::string, std::shared_ptr<const ListenerConfig>> latest_;
};

const std::string kStats = "extension_config_discovery.http_filter.x.";

TEST_F(ExtensionsTest, AListenerWaitsForItsFilters) {
  ASSERT_TRUE(
      update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter)}).ok());
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(store_.wanted(Type::kExtensions), std::vector<std::string>{"x"});
  EXPECT_EQ(store_.waiting().at(0).second,
            std::vector<std::string>{"target FilterConfigSubscription init x"});
  EXPECT_TRUE(update(Type::kExtensions, {fault("x", 418), fault("unasked", 418)}).ok());
  EXPECT_EQ(changes(), "listeners in");
  EXPECT_EQ(counter(kStats + "config_reload"), 1U);
}

TEST_F(ExtensionsTest, AnUpdateChangesItsFiltersAndNothingElse) {
  const std::string cors =
      ", {name: cors, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}";
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + cors + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  const auto before = latest_.at("in");
  const auto filters_before = filters("in");
  EXPECT_TRUE(update(Type::kExtensions, {fault("x", 418)}).ok());
  EXPECT_EQ(changes(), "") << "the same bytes";
  EXPECT_TRUE(update(Type::kExtensions, {fault("x", 503)}).ok());
  EXPECT_EQ(changes(), "listeners in");
  const auto after = latest_.at("in");
  EXPECT_NE(filters("in")[0], filters_before[0]);
  EXPECT_EQ(filters("in")[1], filters_before[1]) << "the other filter is the very same";
  EXPECT_EQ(before->hash, after->hash) << "the resource was not modified";
  EXPECT_NE(before->filter_chains[0].hash, after->filter_chains[0].hash) << "the proxy is to take it";
  EXPECT_EQ(before->filter_chains[0].transport_hash, after->filter_chains[0].transport_hash)
      << "connections go on";
  EXPECT_EQ(before->filter_chains[0].http->routes, after->filter_chains[0].http->routes);
}

TEST_F(ExtensionsTest, TheSameAgainIsTheSameChain) {
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  const uint64_t first = chain_hash("in");
  update(Type::kExtensions, {fault("x", 503)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  EXPECT_EQ(chain_hash("in"), first);
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter,
                                               "per_connection_buffer_limit_bytes: 5")});
  EXPECT_EQ(changes(), "listeners in") << "what is here need not be waited for";
  EXPECT_EQ(chain_hash("in"), first);
}

TEST_F(ExtensionsTest, ARefusedOneLeavesTheLastGood) {
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  const auto before = filters("in");
  const UpdateResult result = update(Type::kExtensions, {fault("x", 99)});
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(result.details().starts_with(R"(configuration of 'x': listeners["in"].abort.http_status)"))
      << result.details();
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(store_.refused_count(Type::kExtensions), 1U);
  EXPECT_TRUE(update(Type::kExtensions, {fault("x", 418)}).ok());
  EXPECT_EQ(store_.refused_count(Type::kExtensions), 0U);
  EXPECT_EQ(filters("in"), before);
}

TEST_F(ExtensionsTest, OneThatIsRefusedAtFirstIsNotWaitedFor) {
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter)});
  const UpdateResult result = update(Type::kExtensions, {extension("x", kBuffer, "max_request_bytes: 5")});
  EXPECT_EQ(
      result.details(),
      R"(configuration of 'x': listeners["in"]: is 'envoy.extensions.filters.http.buffer.v3.Buffer', and type_urls )"
      "have only envoy.extensions.filters.http.fault.v3.HTTPFault");
  EXPECT_EQ(changes(), "listeners in") << "which answers 500 until there is one";
}

TEST_F(ExtensionsTest, WhatIsTakenAwayIsTheDefaultOrNothing) {
  const std::string by_default = "default_config: {\"@type\": " + std::string(kFault) + "}";
  update(Type::kListeners, {filtering_listener("bare", discovered("x", kFault) + kRouterFilter),
                            filtering_listener("safe", discovered("x", kFault, by_default) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  const auto before = filters("bare");
  EXPECT_TRUE(removed("x").ok());
  EXPECT_EQ(changes(), "listeners bare safe");
  EXPECT_NE(filters("bare"), before);
  EXPECT_EQ(counter(kStats + "config_reload"), 2U);
  EXPECT_EQ(counter(kStats + "update_success"), 1U) << "a removal is an update, as in Envoy";
  EXPECT_TRUE(update(Type::kExtensions, {fault("x", 418)}).ok());
  EXPECT_EQ(changes(), "listeners bare safe") << "the same bytes are news";
}

TEST_F(ExtensionsTest, TheDefaultServesAtOnceWhereItIsToldTo) {
  const std::string by_default =
      "default_config: {\"@type\": " + std::string(kFault) + "}, apply_default_config_without_warming: true";
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault, by_default) + kRouterFilter)});
  EXPECT_EQ(changes(), "listeners in");
  EXPECT_EQ(store_.wanted(Type::kExtensions), std::vector<std::string>{"x"}) << "and yet it is asked for";
  const auto before = filters("in");
  update(Type::kExtensions, {fault("x", 418)});
  EXPECT_EQ(changes(), "listeners in");
  EXPECT_NE(filters("in"), before);
}

TEST_F(ExtensionsTest, WhatDoesNotComeIsGivenUp) {
  update(Type::kListeners,
         {filtering_listener("in",
                             discovered("x", kFault, "config_source: {ads: {}, initial_fetch_timeout: 2s}") +
                                 kRouterFilter)});
  EXPECT_EQ(store_.next_deadline(), now_ + std::chrono::seconds(2));
  store_.expire(now_ + std::chrono::seconds(2));
  EXPECT_EQ(changes(), "listeners in");
  SubscriptionStats(store_, stats_).count_timeouts(store_.take_timed_out());
  EXPECT_EQ(counter(kStats + "init_fetch_timeout"), 1U);
  EXPECT_EQ(counter(kStats + "config_fail"), 1U);
}

TEST_F(ExtensionsTest, WhatIsNotForANewListenerIsItsConflict) {
  update(Type::kListeners, {filtering_listener("a", discovered("x", kFault) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  update(Type::kListeners, {filtering_listener("a", discovered("x", kFault) + kRouterFilter),
                            filtering_listener("b", discovered("x", kBuffer) + kRouterFilter)});
  EXPECT_EQ(changes(), "listeners a b");
  EXPECT_EQ(counter(kStats + "config_conflict"), 1U);
  EXPECT_FALSE(update(Type::kExtensions, {fault("x", 503)}).ok()) << "as Envoy: all who use it, or none";
}

TEST_F(ExtensionsTest, ARouterMayComeToo) {
  update(Type::kListeners, {filtering_listener("in", discovered("x", std::string(kRouter) + ", " + kFault))});
  EXPECT_EQ(update(Type::kExtensions, {fault("x", 418)}).details(),
            R"(configuration of 'x': listeners["in"]: the last filter must be the router, not )"
            "envoy.extensions.filters.http.fault.v3.HTTPFault");
  EXPECT_TRUE(update(Type::kExtensions, {extension("x", kRouter, "suppress_envoy_headers: true")}).ok());
  EXPECT_EQ(changes(), "listeners in");
  EXPECT_TRUE(latest_.at("in")->filter_chains.at(0).http->suppress_envoy_headers);
}

TEST_F(ExtensionsTest, SourcesAreToldApart) {
  const std::string file = "config_source: {path_config_source: {path: /dev/null}}";
  update(Type::kListeners, {filtering_listener("a", discovered("x", kFault) + kRouterFilter),
                            filtering_listener("b", discovered("x", kFault, file) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  EXPECT_EQ(changes(), "listeners a");
  update(Type::kExtensions, {fault("x", 503)}, "/dev/null");
  EXPECT_EQ(changes(), "listeners b");
}

TEST_F(ExtensionsTest, ItGoesWithItsLastUser) {
  update(Type::kListeners, {filtering_listener("in", discovered("x", kFault) + kRouterFilter)});
  update(Type::kExtensions, {fault("x", 418)});
  changes();
  update(Type::kListeners, {});
  EXPECT_EQ(changes(), "removed_listeners in");
  EXPECT_EQ(store_.wanted(Type::kExtensions), std::vector<std::string>{});
  ASSERT_EQ(store_.take_touched(Type::kExtensions).size(), 1U);
  EXPECT_EQ(counter(kStats + "config_reload"), UINT64_MAX) << "its statistics go too";
  EXPECT_TRUE(removed("x").ok());
}

TEST_F(ExtensionsTest, AnOptionalOneOfAnUnknownTypeIsLeftOut) {
  const std::string optional =
      "{name: x, is_optional: true, config_discovery: {type_urls: [a/b.C], config_source: {ads: {}}}}";
  EXPECT_TRUE(update(Type::kListeners, {filtering_listener("in", optional + kRouterFilter)}).ok());
  EXPECT_EQ(changes(), "listeners in");
  EXPECT_TRUE(filters("in").empty());
  EXPECT_EQ(store_.wanted(Type::kExtensions), std::vector<std::string>{});
}

TEST_F(ExtensionsTest, WhatCannotBeIsSaidAtOnce) {
  const auto error = [&](const std::string& filters) {
    return update(Type::kListeners, {filtering_listener("in", filters)}).details();
  };
  const std::string at = "listener 'in': filter_chains[0].filters[0].typed_config.http_filters[0]";
  EXPECT_EQ(error(discovered("x", "a/b.C") + kRouterFilter),
            at + ".config_discovery.type_urls[0]: no filter of this build reads b.C");
  EXPECT_EQ(
      error(discovered("x", kFault, "apply_default_config_without_warming: true") + kRouterFilter),
      at + ".config_discovery.apply_default_config_without_warming: is set, and there is no default_config");
  EXPECT_EQ(error(discovered("x", kFault, "default_config: {\"@type\": " + std::string(kBuffer) + "}") +
                  kRouterFilter),
            at + ".config_discovery.default_config: is 'envoy.extensions.filters.http.buffer.v3.Buffer', and "
                 "type_urls have only envoy.extensions.filters.http.fault.v3.HTTPFault");
  EXPECT_NE(
      error("{name: x, config_discovery: {config_source: {ads: {}}}}" + kRouterFilter).find("type_urls"),
      std::string::npos);
}

}  // namespace
}  // namespace remora::xds
