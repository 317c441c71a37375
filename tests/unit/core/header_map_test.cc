#include "remora/http/header_map.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

std::string text(const HeaderMap& map) {
  std::string out;
  for (const auto& field : map.fields()) out.append(field.name).append("=").append(field.value).append(";");
  return out;
}

TEST(HeaderId, EveryKnownNameIsFoundAndOnlyThose) {
  for (size_t i = 0; i < kKnownHeaders; ++i) {
    const auto id = static_cast<HeaderId>(i);
    const std::string name(header_name(id));
    ASSERT_FALSE(name.empty()) << i;
    EXPECT_EQ(header_id(name), id) << name;
    EXPECT_EQ(header_id(name + "x"), HeaderId::kOther) << name;
    EXPECT_EQ(header_id(name.substr(0, name.size() - 1)), HeaderId::kOther) << name;
    for (size_t at = 0; at < name.size(); ++at) {
      std::string other = name;
      other[at] = other[at] == '#' ? '$' : '#';
      EXPECT_EQ(header_id(other), HeaderId::kOther) << other;
    }
  }
  EXPECT_EQ(header_id(""), HeaderId::kOther);
  EXPECT_EQ(header_name(HeaderId::kOther), "");
}

TEST(HeaderId, NamesStandAtTheirEnumerators) {
  EXPECT_EQ(header_name(HeaderId::kMethod), ":method");
  EXPECT_EQ(header_name(HeaderId::kStatus), ":status");
  EXPECT_EQ(header_name(HeaderId::kHost), "host");
  EXPECT_EQ(header_name(HeaderId::kVia), "via");
  EXPECT_EQ(header_name(HeaderId::kXEnvoyRateLimited), "x-envoy-ratelimited");
  EXPECT_EQ(header_name(HeaderId::kXEnvoyUpstreamServiceTime), "x-envoy-upstream-service-time");
  EXPECT_EQ(header_name(HeaderId::kXRequestId), "x-request-id");
}

TEST(HeaderMap, KeepsOrderAndCopiesBytes) {
  HeaderMap map;
  std::string name = "x-a";
  std::string value = "1";
  map.add(HeaderId::kMethod, "GET");
  map.add(name, value);
  map.add("x-b", "2");
  name = "zzz";
  value = "9";
  EXPECT_EQ(text(map), ":method=GET;x-a=1;x-b=2;");
  EXPECT_EQ(map.byte_size(), 7u + 3 + 3 + 1 + 3 + 1);
  EXPECT_EQ(map.size(), 3u);
}

TEST(HeaderMap, FindsKnownAndOtherNames) {
  HeaderMap map;
  map.add("content-length", "12");
  map.add("x-a", "first");
  map.add("x-a", "second");
  EXPECT_EQ(map.get(HeaderId::kContentLength), "12");
  EXPECT_EQ(map.get("content-length"), "12");
  EXPECT_EQ(map.get("x-a"), "first");
  EXPECT_EQ(map.get("x-c"), std::nullopt);
  EXPECT_EQ(map.get(HeaderId::kHost), std::nullopt);
  EXPECT_TRUE(map.has(HeaderId::kContentLength));
  EXPECT_FALSE(map.has(HeaderId::kHost));
  EXPECT_EQ(map.value_of(HeaderId::kHost), "");
}

TEST(HeaderMap, EmptyValueIsPresent) {
  HeaderMap map;
  map.add("te", "");
  EXPECT_TRUE(map.has(HeaderId::kTe));
  EXPECT_EQ(map.get("te"), "");
}

TEST(HeaderMap, SetReplacesTheFirstAndRemovesTheOthers) {
  HeaderMap map;
  for (const char* value : {"1", "2", "3"}) {
    map.add("x-a", value);
    map.add("via", value);
  }
  map.set("x-a", "new");
  map.set(HeaderId::kVia, "us");
  map.set("x-c", "c");
  map.set(HeaderId::kContentLength, uint64_t{18446744073709551615u});
  EXPECT_EQ(text(map), "x-a=new;via=us;x-c=c;content-length=18446744073709551615;");
  EXPECT_EQ(map.get(HeaderId::kContentLength), "18446744073709551615");
}

TEST(HeaderMap, RemovalKeepsTheIndexRight) {
  HeaderMap map;
  map.add("via", "1");
  map.add("x-a", "a");
  map.add("host", "h");
  map.add("via", "2");
  EXPECT_EQ(map.remove("x-a"), 1u);
  EXPECT_EQ(map.get(HeaderId::kHost), "h");
  EXPECT_EQ(map.remove(HeaderId::kVia), 2u);
  EXPECT_EQ(map.remove(HeaderId::kVia), 0u);
  EXPECT_EQ(map.remove("x-a"), 0u);
  EXPECT_FALSE(map.has(HeaderId::kVia));
  EXPECT_EQ(map.get(HeaderId::kHost), "h");
  map.remove_if([](const HeaderMap::Field& field) { return field.name.starts_with("h"); });
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(map.has(HeaderId::kHost));
}

/// Whatever is removed and set, look-ups by id agree with a scan of the fields.
TEST(HeaderMap, TheIndexAgreesWithAScan) {
  const HeaderId ids[] = {HeaderId::kVia, HeaderId::kHost, HeaderId::kTe, HeaderId::kCookie,
                          HeaderId::kAccept};
  uint32_t state = 1;
  const auto random = [&](uint32_t bound) {
    return (state = state * 1664525 + 1013904223) / (UINT32_MAX / bound + 1);
  };
  HeaderMap map;
  for (int step = 0; step < 20000; ++step) {
    const HeaderId id = ids[random(5)];
    const std::string value = std::to_string(step);
    switch (random(8)) {
      case 0: map.remove(id); break;
      case 1: map.set(id, value); break;
      case 2: map.add("x-other", value); break;
      case 3: map.remove_if([&](const HeaderMap::Field&) { return random(3) == 0; }); break;
      case 4: map.set("x-other", value); break;
      case 5:
        if (map.size() > 40) map.clear();
        break;
      default: map.add(id, value);
    }
    for (const HeaderId each : ids) {
      std::optional<std::string_view> first;
      for (const auto& field : map.fields()) {
        if (field.id == each && !first) first = field.value;
      }
      ASSERT_EQ(map.get(each), first) << step;
      ASSERT_EQ(map.has(each), first.has_value()) << step;
    }
  }
}

TEST(HeaderMap, PseudoHeadersStayInFront) {
  HeaderMap map;
  map.add("x-a", "a");
  map.set(HeaderId::kPath, "/");
  map.add("host", "h");
  map.add(HeaderId::kMethod, "GET");
  EXPECT_EQ(text(map), ":path=/;:method=GET;x-a=a;host=h;");
  EXPECT_EQ(map.path(), "/");
  EXPECT_EQ(map.method(), "GET");
  EXPECT_EQ(map.get(HeaderId::kHost), "h");
}

TEST(HeaderMap, StatusIsANumberOrZero) {
  const std::pair<const char*, uint16_t> cases[] = {{"200", 200}, {"503", 503}, {"", 0},
                                                    {"abc", 0},   {"20x", 0},   {"99999", 0}};
  for (const auto& [value, want] : cases) {
    HeaderMap map;
    map.add(HeaderId::kStatus, value);
    EXPECT_EQ(map.status(), want) << value;
  }
  EXPECT_EQ(HeaderMap().status(), 0);
}

TEST(HeaderMap, ViewsOutliveLaterEdits) {
  HeaderMap map;
  map.add("x-a", "old value");
  const std::string_view before = *map.get("x-a");
  map.set("x-a", "new value");
  for (int i = 0; i < 1000; ++i) map.add("x-b", std::string(50, 'b'));
  EXPECT_EQ(before, "old value");
}

TEST(HeaderMap, CopiesAreDeepAndMovesLeaveAnEmptyMap) {
  auto source = std::make_unique<HeaderMap>();
  std::string outside = "outside";
  source->add(HeaderId::kHost, "h");
  source->add_reference(HeaderId::kOther, "x-ref", outside);
  HeaderMap copy = *source;
  copy.add("x-own", "1");
  HeaderMap moved = std::move(*source);
  EXPECT_TRUE(source->empty());  // NOLINT: the moved-from state is specified
  EXPECT_FALSE(source->has(HeaderId::kHost));
  source->add("via", "again");
  EXPECT_EQ(text(*source), "via=again;");
  source.reset();
  EXPECT_EQ(text(moved), "host=h;x-ref=outside;");
  outside = "changed";
  EXPECT_EQ(text(copy), "host=h;x-ref=outside;x-own=1;");
  EXPECT_EQ(copy.get(HeaderId::kHost), "h");
}

TEST(HeaderMap, KeepsHowNamesWereSpelled) {
  HeaderMap map;
  EXPECT_FALSE(map.style_of_others());
  map.add("x-name", "1");
  map.keep_spellings(HeaderCase::Style::kProper);
  map.keep_spelling("X-NAME");
  map.keep_spelling("x-Name");
  map.keep_reason("Fine");
  EXPECT_EQ(map.style_of_others(), HeaderCase::Style::kProper);
  EXPECT_EQ(map.spelling("x-name"), "X-NAME");
  EXPECT_EQ(map.spelling("x-other"), "");

  const HeaderMap copy = map;
  HeaderMap moved;
  moved.swap(map);
  for (const HeaderMap* one : {&copy, static_cast<const HeaderMap*>(&moved)}) {
    EXPECT_EQ(one->spelling("x-name"), "X-NAME");
    EXPECT_EQ(one->reason(), "Fine");
  }
  EXPECT_EQ(map.spelling("x-name"), "");

  moved.clear();
  EXPECT_FALSE(moved.style_of_others());
  EXPECT_EQ(moved.spelling("x-name"), "");
  EXPECT_EQ(moved.reason(), "");
}

TEST(HeaderMap, HoldsValuesLargerThanABlock) {
  HeaderMap map;
  const std::string large(60000, 'v');
  map.add("x-a", large);
  map.add("x-b", "small");
  EXPECT_EQ(map.get("x-a"), large);
  EXPECT_EQ(map.get("x-b"), "small");
}

void fill_like_a_request(HeaderMap& map, size_t padding) {
  map.add(HeaderId::kMethod, "GET");
  map.add(HeaderId::kPath, "/service/one?with=query");
  map.add(HeaderId::kAuthority, "reviews.default.svc.cluster.local:9080");
  for (int i = 0; i < 20; ++i) map.add("x-custom-header-with-a-name", "and-a-value-of-usual-length");
  map.add("x-padding", std::string_view("................................................................")
                           .substr(0, padding));
  map.set(HeaderId::kXForwardedFor, "10.0.0.1");
  map.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, uint64_t{15000});
  map.remove("x-padding");
}

TEST(HeaderMap, AReusedMapAllocatesNothing) {
  HeaderMap map;
  fill_like_a_request(map, 64);
  ASSERT_GT(map.byte_size(), 1000u) << "the test should need more than the first block";
  map.clear();
  const size_t before = test::allocations();
  for (size_t i = 0; i < 100; ++i) {
    fill_like_a_request(map, i % 64);
    map.clear();
  }
  EXPECT_EQ(test::allocations(), before);
}

TEST(HeaderMap, AnIdleMapOwnsNoArena) {
  const size_t before = test::allocations();
  HeaderMap map;
  map.clear();
  EXPECT_EQ(test::allocations(), before);
}

TEST(HeaderMap, ClearLetsGoOfWhatOneGiantHeadNeeded) {
  HeaderMap map;
  for (int i = 0; i < 3; ++i) {
    const size_t before = test::allocations();
    map.add_reference(HeaderId::kOther, "x-a", map.store(std::string_view(std::string(200000, 'v'))));
    EXPECT_GE(test::allocations() - before, 2u) << "the string, and a block that was not kept";
    map.clear();
  }
}

}  // namespace
}  // namespace remora
