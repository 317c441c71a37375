#include <algorithm>

#include "istio/parse/readers.h"

namespace remora::istio {
namespace {

constexpr uint64_t kLargestRing = 8 * 1024 * 1024;
constexpr uint64_t kLargestTable = 5000011;

bool is_prime(uint64_t number) {
  for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return number > 1;
}

void read_cookie(Fields& fields, ConsistentHash& hash) {
  fields.string("name", hash.name);
  if (hash.name.empty()) fields.error("name", "is required");
  fields.string("path", hash.cookie_path);
  Duration ttl{};
  if (fields.duration("ttl", ttl, true)) hash.cookie_ttl = ttl;
  fields.objects("attributes", [&](Fields& item) {
    std::pair<std::string, std::string> attribute;
    item.string("name", attribute.first);
    item.string("value", attribute.second);
    const auto same = [&](const auto& other) { return other.first == attribute.first; };
    if (attribute.first.empty()) item.error("name", "is required");
    if (std::any_of(hash.cookie_attributes.begin(), hash.cookie_attributes.end(), same))
      item.error("name", "the attribute " + attribute.first + " is there already");
    hash.cookie_attributes.push_back(std::move(attribute));
  });
}

/// What of a request is hashed: exactly one of four.
void read_key(Fields& fields, ConsistentHash& hash) {
  using Key = ConsistentHash::Key;
  int given = 0;
  const auto take = [&](bool found, Key key) {
    if (!found) return;
    hash.key = key;
    ++given;
  };
  take(fields.string("httpHeaderName", hash.name), Key::kHeader);
  take(fields.object("httpCookie", [&](Fields& item) { read_cookie(item, hash); }), Key::kCookie);
  take(fields.boolean("useSourceIp", hash.use_source_ip), Key::kSourceIp);
  take(fields.string("httpQueryParameterName", hash.name), Key::kQueryParameter);
  if (given != 1) {
    fields.error("", "must have one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName");
  } else if (hash.key != Key::kSourceIp && hash.key != Key::kCookie && hash.name.empty()) {
    fields.error(hash.key == Key::kHeader ? "httpHeaderName" : "httpQueryParameterName", "must not be empty");
  }
}

void read_table(Fields& fields, ConsistentHash& hash) {
  std::optional<uint64_t> size;
  fields.object("maglev", [&](Fields& item) {
    hash.maglev = true;
    item.unsigned_integer("tableSize", size, uint64_t{2}, kLargestTable - 1);
    if (!size) {
      if (!item.has("tableSize")) item.error("tableSize", "is required");
    } else if (!is_prime(*size)) {
      item.error("tableSize", "must be a prime");
    }
  });
  if (hash.maglev && fields.has("ringHash")) fields.error("ringHash", "cannot stand beside maglev");
  fields.object("ringHash", [&](Fields& item) {
    item.unsigned_integer("minimumRingSize", size, uint64_t{0}, kLargestRing);
  });
  if (fields.has("minimumRingSize")) {
    fields.warning("minimumRingSize", "is deprecated: write ringHash.minimumRingSize");
    if (hash.maglev || fields.has("ringHash"))
      fields.error("minimumRingSize", "cannot stand beside maglev or ringHash");
    fields.unsigned_integer("minimumRingSize", size, uint64_t{0}, kLargestRing);
  }
  hash.size = size.value_or(0);
}

}  // namespace

std::optional<ConsistentHash> read_consistent_hash(Fields& load_balancer) {
  std::optional<ConsistentHash> hash;
  load_balancer.object("consistentHash", [&](Fields& fields) {
    hash.emplace();
    read_key(fields, *hash);
    read_table(fields, *hash);
  });
  return hash;
}

}  // namespace remora::istio
