#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "remora/filter/http_filter.h"

namespace remora {

/// The filters of one exchange, in order. Keeps its place while a filter pauses.
class FilterRun {
 public:
  /// `shared[i]` is the worker's instance of factory i if that is stateless; otherwise one is made for this
  /// exchange.
  void begin(const std::vector<std::shared_ptr<const FilterFactory>>& factories,
             const std::vector<std::unique_ptr<HttpFilter>>& shared);
  void clear();

  /// Runs the request head from where it stands; a verdict other than go_on ends the run there.
  Verdict request_head(FilterContext& context, HeaderMap& head, bool end);
  void request_body(FilterContext& context, std::string_view bytes, bool end);
  /// Backwards through the filters that have seen the request.
  Verdict response_head(FilterContext& context, HeaderMap& head, bool end);
  void response_body(FilterContext& context, std::string_view bytes, bool end);
  void complete(FilterContext& context);

  [[nodiscard]] bool empty() const { return filters_.empty(); }

 private:
  std::vector<HttpFilter*> filters_;
  std::vector<std::unique_ptr<HttpFilter>> owned_;
  size_t seen_ = 0;  // filters before this one have seen the request head
};

}  // namespace remora
