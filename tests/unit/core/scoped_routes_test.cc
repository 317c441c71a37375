#include "remora/config/scoped_routes.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

ScopeKeyPart by_index(std::string header, std::string separator, uint32_t index) {
  ScopeKeyPart part;
  part.header = std::move(header);
  part.separator = std::move(separator);
  part.index = index;
  return part;
}

RouteScope scope(std::string name, std::vector<std::string> key) {
  return {std::move(name), std::move(key), nullptr, "routes"};
}

uint32_t find(const ScopedRoutes& scopes, std::string_view a, std::string_view b) {
  HeaderMap head;
  head.add("a", a);
  head.add("b", b);
  return scopes.find(head);
}

TEST(ScopedRoutes, PartsOfKeysAreToldApart) {
  const auto made =
      ScopedRoutes::compile("s", {by_index("a", "", 0), by_index("b", ",", 1)},
                            {scope("one", {"x", "yz"}), scope("two", {"xy", "z"}), scope("empty", {"", ""})});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(find(**made, "x", "0,yz"), 0u);
  EXPECT_EQ(find(**made, "xy", "0,z,1"), 1u);
  EXPECT_EQ(find(**made, "", "0,"), 2u);
  EXPECT_EQ(find(**made, "xy", "z"), ScopedRoutes::kNone) << "there is no second element";
  EXPECT_EQ((*made)->find({}), ScopedRoutes::kNone);
}

TEST(ScopedRoutes, NamesAndKeysAreThereOnce) {
  const auto message = [](std::vector<RouteScope> scopes) {
    const auto made = ScopedRoutes::compile("s", {by_index("a", "", 0)}, std::move(scopes));
    return made.ok() ? std::string() : made.error().message;
  };
  EXPECT_EQ(message({scope("a", {"1"}), scope("b", {"2"})}), "");
  EXPECT_EQ(message({scope("a", {"1"}), scope("a", {"2"})}), "scope 'a' is there twice");
  EXPECT_EQ(message({scope("a", {"1"}), scope("b", {"1"})}), "scope 'b' has the key of scope 'a'");
  EXPECT_EQ(message({scope("a", {})}), "scope 'a' has no key");
}

}  // namespace
}  // namespace remora
