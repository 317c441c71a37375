#include "filter_run.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "filter_slots.h"

namespace remora {
namespace {

struct Named final : RouteFilterConfig {
  explicit Named(std::string text) : name(std::move(text)) {}
  std::string name;
};

/// Writes down what it is shown, as "name:what".
struct Recorder final : HttpFilter {
  Recorder(std::string text, std::string& out) : name(std::move(text)), log(out) {}
  Verdict on_request_head(FilterContext& context, HeaderMap&, bool end) override {
    log += name + (end ? ":end" : ":head");
    for (const auto* config : context.route_configs())
      log += "(" + dynamic_cast<const Named&>(*config).name + ")";
    log += ' ';
    return pauses ? Verdict::pause() : Verdict::go_on();
  }
  void on_request_body(FilterContext&, std::string_view bytes, bool end) override {
    log += name + "=" + std::string(bytes) + (end ? "." : "") + " ";
  }
  void on_request_trailers(FilterContext&, HeaderMap&) override { log += name + ":trailers "; }
  std::string name;
  std::string& log;
  bool pauses = false;
};

struct Factory final : FilterFactory {
  explicit Factory(std::string text) : text_(std::move(text)) {}
  std::string_view name() const override { return text_; }
  std::unique_ptr<HttpFilter> create() const override { return nullptr; }
  bool stateless() const override { return true; }
  std::string text_;
};

struct Context final : FilterContext {
  ExchangeInfo& info() override { return info_; }
  const Clock& clock() const override { return clock_; }
  Random& random() override { return random_; }
  size_t shard() const override { return 0; }
  FilterWorker& worker() override { throw std::logic_error("no filter here asks"); }
  Resume pause() override { return Resume(nullptr); }
  void after(Milliseconds, std::function<void()>) override {}
  Metadata& dynamic_metadata() override { return metadata_; }
  void choose_route_again() override {}
  std::optional<Demand> missing_virtual_host() const override { return std::nullopt; }
  void choose_route_of_newest_table() override {}
  void read_whole_request() override {}
  FilterState& filter_state() override { return filter_state_; }
  void limit_response_rate(uint64_t) override {}
  Metadata metadata_;
  FilterState filter_state_;
  ExchangeInfo info_;
  SystemClock clock_;
  Random random_{1};
};

/// A chain of the filters a, b and c, of which c is off unless a route says otherwise.
struct FilterRuns : ::testing::Test {
  FilterRuns() {
    for (const char* name : {"a", "b", "c"}) {
      chain.push_back({std::make_shared<const Factory>(name), std::string_view(name) == "c"});
      shared.push_back(std::make_unique<Recorder>(name, log));
    }
  }
  Recorder& filter(size_t i) { return dynamic_cast<Recorder&>(*shared[i]); }

  /// Begins with what the table's only route says.
  void begin(std::vector<FilterOverride> overrides) {
    RouteConfig config;
    config.virtual_hosts.resize(1);
    config.virtual_hosts[0].domains = {"*"};
    config.virtual_hosts[0].routes.resize(1);
    config.virtual_hosts[0].routes[0].filters.overrides = std::move(overrides);
    table = *RouteTable::compile(std::move(config));
    const auto& resolved = table->config().virtual_hosts[0].routes[0].filters.resolved;
    run.begin(chain, shared, resolved ? RouteFilters{*resolved, slots.of(chain, *table)} : RouteFilters{});
  }
  std::string head(const ArrivedRequest& arrived = {{}, true, nullptr}) {
    log.clear();
    [[maybe_unused]] const auto verdict = run.request_head(context, request, arrived);
    return log;
  }

  std::string log;
  std::vector<HttpFilterEntry> chain;
  std::vector<std::unique_ptr<HttpFilter>> shared;
  std::shared_ptr<const RouteTable> table;
  FilterSlots slots;
  FilterRun run;
  Context context;
  HeaderMap request;
};

TEST_F(FilterRuns, WithoutAWordOfTheRouteTheListenerDecides) {
  begin({});
  EXPECT_EQ(head(), "a:end b:end ");
}

TEST_F(FilterRuns, ARouteTurnsFiltersOffAndOn) {
  begin({{"a", true, nullptr}, {"c", false, nullptr}, {"stranger", true, nullptr}});
  EXPECT_EQ(head(), "b:end c:end ");
}

TEST_F(FilterRuns, EachFilterSeesItsOwnConfiguration) {
  begin({{"a", false, std::make_shared<const Named>("1")}, {"c", false, std::make_shared<const Named>("3")}});
  EXPECT_EQ(head(), "a:end(1) b:end c:end(3) ");
}

TEST_F(FilterRuns, ANewTableIsLookedAtAnew) {
  begin({{"a", true, nullptr}});
  EXPECT_EQ(head(), "b:end ");
  begin({{"b", true, nullptr}});
  EXPECT_EQ(head(), "a:end ");
}

TEST_F(FilterRuns, FiltersBehindOneThatPausedSeeWhatArrivedMeanwhile) {
  begin({});
  filter(0).pauses = true;
  EXPECT_EQ(head({{}, false, nullptr}), "a:head ");
  HeaderMap trailers;
  EXPECT_EQ(head({"body", true, &trailers}), "b:head b=body b:trailers ");
}

TEST_F(FilterRuns, TheHeldBodyEndsTheRequestWhereItIsWhole) {
  begin({});
  filter(0).pauses = true;
  head({{}, false, nullptr});
  EXPECT_EQ(head({"body", true, nullptr}), "b:head b=body. ");
}

}  // namespace
}  // namespace remora
