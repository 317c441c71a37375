#include "core/reaper.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "remora/config/metadata.h"
#include "unit/support/random_routes.h"

namespace remora {
namespace {

TEST(Reaper, FreesInOrderOnAThreadOfItsOwn) {
  std::vector<int> order;
  std::promise<std::thread::id> last;
  for (int i = 0; i < 3; ++i) {
    free_elsewhere([&order, i] {
      order.push_back(i);
      return i == 1;
    });
  }
  free_elsewhere([&last] {
    last.set_value(std::this_thread::get_id());
    return false;
  });
  EXPECT_NE(last.get_future().get(), std::this_thread::get_id());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

/// Says on which thread it was freed.
struct Witness {
  std::promise<std::thread::id>* freed;
  ~Witness() { freed->set_value(std::this_thread::get_id()); }
};

std::thread::id freed_by(size_t routes) {
  std::promise<std::thread::id> freed;
  auto future = freed.get_future();
  std::vector<Route> all;
  for (size_t i = 0; i < routes; ++i)
    all.push_back(test::route(PathMatch::Kind::kPrefix, "/" + std::to_string(i)));
  // An owner that goes with the last route's metadata.
  const Metadata metadata;
  std::shared_ptr<Witness> witness(new Witness{&freed});
  all.back().metadata = std::shared_ptr<const Metadata>(std::move(witness), &metadata);
  auto table = test::table_of(std::move(all));
  table.reset();
  return future.get();
}

TEST(Reaper, LargeRouteTablesAreNotFreedByWhoeverDropsThemLast) {
  EXPECT_EQ(freed_by(10), std::this_thread::get_id());
  EXPECT_NE(freed_by(5000), std::this_thread::get_id());
}

}  // namespace
}  // namespace remora
