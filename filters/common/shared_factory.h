#pragma once

#include <memory>
#include <string>
#include <utility>

#include "remora/filter/http_filter.h"

namespace remora::filters {

/// A factory of filters that one instance a worker suffices for: `Make(shared)` makes it from what all
/// workers share (a configuration, a scope of statistics).
template <typename Shared, std::unique_ptr<HttpFilter> (*Make)(std::shared_ptr<Shared>)>
class SharedFilterFactory final : public FilterFactory {
 public:
  SharedFilterFactory(std::string_view name, std::shared_ptr<Shared> shared)
      : name_(name),
        shared_(std::move(shared)) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::unique_ptr<HttpFilter> create() const override { return Make(shared_); }
  [[nodiscard]] bool stateless() const override { return true; }

 private:
  std::string name_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace remora::filters
