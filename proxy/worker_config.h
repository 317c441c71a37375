#pragma once

#include <memory>

#include "local_ref.h"
#include "remora/config/route_table.h"

namespace remora {

/// One route table on one worker: exchanges in flight hold it, so that their route outlives an update.
class WorkerRoutes final : public LocalCounted {
 public:
  explicit WorkerRoutes(std::shared_ptr<const RouteTable> table) : table_(std::move(table)) {}
  [[nodiscard]] const RouteTable& table() const { return *table_; }

 private:
  std::shared_ptr<const RouteTable> table_;
};

}  // namespace remora
