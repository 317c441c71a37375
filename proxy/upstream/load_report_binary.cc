#include <bit>
#include <cstdint>
#include <iterator>

#include "upstream/load_report.h"

namespace remora {
namespace {

/// The fields of a serialized message, one after the other. Source: protobuf, encoding.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  enum Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint64_t field = 0;
  Type type = kVarint;
  double number = 0;       ///< kFixed64
  std::string_view bytes;  ///< kBytes

  /// False at the end, and where the message is broken: then `broken()`.
  bool next() {
    if (rest_.empty() || broken_) return false;
    const uint64_t key = varint();
    field = key >> 3;
    type = static_cast<Type>(key & 7);
    switch (type) {
      case kVarint: varint(); break;
      case kFixed64: number = fixed64(); break;
      case kBytes: bytes = cut(varint()); break;
      case kFixed32: cut(4); break;
      default: broken_ = true;
    }
    return !broken_;
  }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = cut(1);
      if (byte.empty()) return 0;
      value |= static_cast<uint64_t>(byte[0] & 0x7f) << shift;
      if ((byte[0] & 0x80) == 0) return value;
    }
    broken_ = true;
    return 0;
  }
  double fixed64() {
    const auto eight = cut(8);
    if (eight.empty()) return 0;
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) value = value << 8 | static_cast<uint8_t>(eight[i]);
    return std::bit_cast<double>(value);
  }
  std::string_view cut(uint64_t size) {
    if (size > rest_.size()) {
      broken_ = true;
      return {};
    }
    const auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }

  std::string_view rest_;
  bool broken_ = false;
};

/// An entry of a map from names to numbers.
bool read_entry(std::string_view bytes, std::string_view group, MetricTaker& taker) {
  WireReader entry(bytes);
  std::string_view name;
  double value = 0;
  while (entry.next()) {
    if (entry.field == 1 && entry.type == WireReader::kBytes) name = entry.bytes;
    if (entry.field == 2 && entry.type == WireReader::kFixed64) value = entry.number;
  }
  if (entry.broken()) return false;
  taker.take(group, name, value);
  return true;
}

}  // namespace

bool read_binary_report(std::string_view bytes, MetricTaker& taker) {
  // Field numbers of xds.data.orca.v3.OrcaLoadReport.
  static constexpr std::string_view kNumbers[] = {
      "", "cpu_utilization",        "mem_utilization", "", "", "", "rps_fractional", "eps",
      "", "application_utilization"};
  static constexpr std::string_view kMaps[] = {
      "", "", "", "", "request_cost", "utilization", "", "", "named_metrics"};
  WireReader report(bytes);
  while (report.next()) {
    if (report.type == WireReader::kFixed64 && report.field < std::size(kNumbers) &&
        !kNumbers[report.field].empty()) {
      taker.take({}, kNumbers[report.field], report.number);
    }
    if (report.type == WireReader::kBytes && report.field < std::size(kMaps) &&
        !kMaps[report.field].empty() && !read_entry(report.bytes, kMaps[report.field], taker))
      return false;
  }
  return !report.broken();
}

}  // namespace remora
