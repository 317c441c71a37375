#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "remora/config/listener.h"
#include "remora/filter/http_filter.h"

namespace remora {

/// What a request's route says to the filters of a chain; both are empty where it says nothing.
struct RouteFilters {
  std::span<const FilterSettings> settings;  ///< by slot
  std::span<const uint32_t> slots;           ///< by filter of the chain (FilterSlots)
};

/// What has arrived of a request behind its head. Filters that come to see the head late, since one before
/// them paused, are shown it at once.
struct ArrivedRequest {
  std::string_view body;
  bool complete = false;
  HeaderMap* trailers = nullptr;
  [[nodiscard]] bool head_only() const { return complete && body.empty() && trailers == nullptr; }
};

/// The filters of one exchange, in order. Keeps its place while a filter pauses.
class FilterRun {
 public:
  /// `shared[i]` is the worker's instance of filter i of the chain if that is stateless; otherwise one is
  /// made for this exchange. Filters that are off for this route are left out. `route` is borrowed until
  /// clear().
  void begin(const std::vector<HttpFilterEntry>& chain,
             const std::vector<std::unique_ptr<HttpFilter>>& shared, const RouteFilters& route);
  void clear();
  /// The route is another one now: what it says to the filters that run.
  void reroute(const RouteFilters& route);

  /// Runs the request head from where it stands; a verdict other than go_on ends the run there.
  Verdict request_head(FilterContext& context, HeaderMap& head, const ArrivedRequest& arrived);
  void request_body(FilterContext& context, std::string_view bytes, bool end);
  void request_trailers(FilterContext& context, HeaderMap& trailers);
  /// Backwards through all filters, also those behind one that answers instead of the upstream.
  Verdict response_head(FilterContext& context, HeaderMap& head, bool end);
  void response_body(FilterContext& context, std::string_view bytes, bool end);
  void response_trailers(FilterContext& context, HeaderMap& trailers);
  void complete(FilterContext& context);

  [[nodiscard]] bool empty() const { return steps_.empty(); }

 private:
  struct Step {
    HttpFilter* filter;
    size_t number;  // in the chain
    RouteFilterConfigs configs;
  };
  static HttpFilter& enter(const Step& step, FilterContext& context) {
    context.enter(step.configs);
    return *step.filter;
  }

  static void show(const Step& step, FilterContext& context, const ArrivedRequest& arrived);

  std::vector<Step> steps_;
  std::vector<std::unique_ptr<HttpFilter>> owned_;
  size_t seen_ = 0;  // filters before this one have seen the request head
};

}  // namespace remora
