#include "client/warning_log.h"

#include <gtest/gtest.h>

namespace remora::xds {
namespace {

using Lines = std::vector<std::string>;

class WarningLogTest : public ::testing::Test {
 protected:
  /// What is said of a resource with this one warning.
  Lines said_of(const std::string& name, const std::string& path, const std::string& message) {
    ConfigReport report;
    report.warning(path, message);
    report.error("other", "is said elsewhere");
    lines_.clear();
    log_.add("cluster", name, report);
    return lines_;
  }

  Lines lines_;
  WarningLog log_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(WarningLogTest, SaysEachFieldAndReasonOnce) {
  EXPECT_EQ(said_of("a", "filters[0].x", "has no effect"), Lines{"cluster 'a': filters[0].x: has no effect"});
  EXPECT_EQ(said_of("a", "filters[0].x", "has no effect"), Lines{});
  EXPECT_EQ(said_of("b", "filters[17].x", "has no effect"), Lines{});
  EXPECT_EQ(said_of("b", "filters[0].y", "has no effect"), Lines{"cluster 'b': filters[0].y: has no effect"});
  EXPECT_EQ(said_of("b", "filters[0].x", "is old"), Lines{"cluster 'b': filters[0].x: is old"});
  EXPECT_EQ(said_of("b", "", "is odd"), Lines{"cluster 'b': is odd"});
}

TEST_F(WarningLogTest, IsBounded) {
  for (size_t i = 0; i < WarningLog::kMost; ++i)
    ASSERT_EQ(said_of("a", "x", "reason " + std::to_string(i)).size(), 1u) << i;
  EXPECT_EQ(said_of("a", "x", "one more"), Lines{"more warnings of resources are not said"});
  EXPECT_EQ(said_of("a", "x", "and another"), Lines{});
}

}  // namespace
}  // namespace remora::xds
