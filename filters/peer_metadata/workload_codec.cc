#include "peer_metadata/workload_codec.h"

#include <array>
#include <cstdint>
#include <utility>

#include "peer_metadata/base64.h"

namespace remora::filters {
namespace {

constexpr std::pair<std::string_view, std::string Workload::*> kFields[] = {
    {"CLUSTER_ID", &Workload::cluster},       {"NAME", &Workload::instance},
    {"NAMESPACE", &Workload::namespace_name}, {"OWNER", &Workload::owner},
    {"WORKLOAD_NAME", &Workload::name},
};
constexpr std::pair<std::string_view, std::string Workload::*> kLabels[] = {
    {"app", &Workload::app},
    {"service.istio.io/canonical-name", &Workload::canonical_name},
    {"service.istio.io/canonical-revision", &Workload::canonical_revision},
    {"version", &Workload::version},
};
constexpr std::string_view kLabelsField = "LABELS";

// Tags of length-delimited fields (number << 3 | 2) of Struct, of its map's entries, and of Value.
constexpr uint8_t kEntryTag = 1 << 3 | 2;
constexpr uint8_t kKeyTag = 1 << 3 | 2;
constexpr uint8_t kValueTag = 2 << 3 | 2;
constexpr uint8_t kStringTag = 3 << 3 | 2;
constexpr uint8_t kStructTag = 5 << 3 | 2;

void append_field(uint8_t tag, std::string_view bytes, std::string& out) {
  out += static_cast<char>(tag);
  size_t length = bytes.size();
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  out += static_cast<char>(length);
  out += bytes;
}

// One member of a Struct: `value_tag` says which of Value's kinds the bytes are.
void append_member(std::string_view key, uint8_t value_tag, std::string_view bytes, std::string& out) {
  std::string value;
  append_field(value_tag, bytes, value);
  std::string entry;
  append_field(kKeyTag, key, entry);
  append_field(kValueTag, value, entry);
  append_field(kEntryTag, entry, out);
}

// Reads protobuf fields one by one; `failed` once the bytes make no sense.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  // The next length-delimited field; other wire types are passed over. False at the end, or on failure.
  bool next() {
    while (!bytes_.empty()) {
      const uint64_t key = varint();
      switch (failed ? 8 : key & 7) {
        case 0: varint(); break;
        case 1: take(8); break;
        case 2:
          content = take(varint());
          tag = key;
          return !failed;
        case 5: take(4); break;
        default: failed = true;
      }
      if (failed) return false;
    }
    return false;
  }

  uint64_t tag = 0;
  std::string_view content;
  bool failed = false;

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed = true;
    return 0;
  }

  std::string_view take(uint64_t length) {
    if (failed || length > bytes_.size()) {
      failed = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

  std::string_view bytes_;
};

// Calls visit(key, kind tag of the value, its bytes) for each member of a Struct whose value is a string or a
// Struct.
template <typename Visit>
bool read_struct(std::string_view bytes, Visit visit) {
  Reader members(bytes);
  while (members.next()) {
    if (members.tag != kEntryTag) continue;
    std::string_view key;
    std::string_view value;
    Reader entry(members.content);
    while (entry.next()) {
      if (entry.tag == kKeyTag) key = entry.content;
      if (entry.tag == kValueTag) value = entry.content;
    }
    Reader kind(value);
    while (kind.next()) {
      if ((kind.tag == kStringTag || kind.tag == kStructTag) && !visit(key, kind.tag, kind.content))
        return false;
    }
    if (entry.failed || kind.failed) return false;
  }
  return !members.failed;
}

template <size_t N>
bool set_member(const std::pair<std::string_view, std::string Workload::*> (&names)[N], std::string_view key,
                std::string_view value, Workload& out) {
  for (const auto& [name, member] : names) {
    if (name != key) continue;
    out.*member = value;
    return true;
  }
  return false;
}

bool read_labels(std::string_view bytes, const std::set<std::string>& wanted, Workload& out) {
  return read_struct(bytes, [&](std::string_view key, uint64_t kind, std::string_view value) {
    if (kind != kStringTag || set_member(kLabels, key, value, out)) return true;
    if (const std::string name(key); wanted.contains(name)) out.labels[name] = value;
    return true;
  });
}

}  // namespace

std::string encode_workload(const Workload& workload, const std::set<std::string>& labels) {
  std::map<std::string_view, std::string_view> sent;
  for (const auto& [name, member] : kLabels) {
    if (!(workload.*member).empty()) sent[name] = workload.*member;
  }
  for (const auto& [name, value] : workload.labels) {
    if (labels.contains(name)) sent.emplace(name, value);
  }
  std::string all_labels;
  for (const auto& [name, value] : sent) append_member(name, kStringTag, value, all_labels);

  std::map<std::string_view, std::pair<uint8_t, std::string_view>> members = {
      {kLabelsField, {kStructTag, all_labels}}};
  for (const auto& [name, member] : kFields) {
    if (!(workload.*member).empty()) members[name] = {kStringTag, workload.*member};
  }
  std::string bytes;
  for (const auto& [name, value] : members) append_member(name, value.first, value.second, bytes);
  return base64_encode(bytes);
}

std::optional<Workload> decode_workload(std::string_view text, const std::set<std::string>& labels) {
  const auto bytes = base64_decode(text);
  if (!bytes) return std::nullopt;
  Workload workload;
  const bool ok = read_struct(*bytes, [&](std::string_view key, uint64_t kind, std::string_view value) {
    if (kind == kStructTag) return key != kLabelsField || read_labels(value, labels, workload);
    set_member(kFields, key, value, workload);
    return true;
  });
  return ok ? std::optional(std::move(workload)) : std::nullopt;
}

}  // namespace remora::filters
