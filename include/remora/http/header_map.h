#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/header_case.h"

namespace remora {

/// Names the proxy itself reads or writes, found in O(1). Pseudo headers carry the start line, as in HTTP/2.
enum class HeaderId : uint8_t {
  kMethod,
  kPath,
  kAuthority,
  kScheme,
  kStatus,  // pseudo headers, always before the others
  kAccept,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kGrpcStatus,
  kGrpcMessage,
  kGrpcTimeout,
  kHost,
  kKeepAlive,
  kLocation,
  kOrigin,
  kProxyConnection,
  kReferer,
  kRetryAfter,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXEnvoyAttemptCount,
  kXEnvoyDecoratorOperation,
  kXEnvoyDownstreamServiceCluster,
  kXEnvoyDownstreamServiceNode,
  kXEnvoyExpectedRqTimeoutMs,
  kXEnvoyExternalAddress,
  kXEnvoyForceTrace,
  kXEnvoyHedgeOnPerTryTimeout,
  kXEnvoyImmediateHealthCheckFail,
  kXEnvoyInternal,
  kXEnvoyIpTags,
  kXEnvoyIsTimeoutRetry,
  kXEnvoyMaxRetries,
  kXEnvoyOriginalHost,
  kXEnvoyOriginalPath,
  kXEnvoyOverloaded,
  kXEnvoyPeerMetadata,
  kXEnvoyPeerMetadataId,
  kXEnvoyRateLimited,
  kXEnvoyRetriableHeaderNames,
  kXEnvoyRetriableStatusCodes,
  kXEnvoyRetryGrpcOn,
  kXEnvoyRetryOn,
  kXEnvoyUpstreamAltStatName,
  kXEnvoyUpstreamCanary,
  kXEnvoyUpstreamRqPerTryTimeoutMs,
  kXEnvoyUpstreamRqTimeoutAltResponse,
  kXEnvoyUpstreamRqTimeoutMs,
  kXEnvoyUpstreamServiceTime,
  kXEnvoyUpstreamStreamDurationMs,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedPort,
  kXForwardedProto,
  kXRequestId,
  kOther,  // every other name
};
inline constexpr size_t kKnownHeaders = static_cast<size_t>(HeaderId::kOther);

/// The id of a lower-case name; kOther if it is not one of the above. O(1), no allocation.
HeaderId header_id(std::string_view lower_case_name);
/// The lower-case name of an id; "" for kOther.
std::string_view header_name(HeaderId id);

/// An ordered list of header fields with a bump allocator of its own, so that building, editing and clearing
/// one costs no allocation once it has been used (the arena keeps its first blocks).
///
/// Names are lower-case; codecs lower them on the way in. Views handed out stay valid until clear() or
/// destruction, whatever is added or removed meanwhile (memory of replaced values is not reused before
/// clear()). Not thread-safe. Source: RFC 9110 section 5.
class HeaderMap {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    HeaderId id;
  };

  HeaderMap();
  ~HeaderMap();
  HeaderMap(const HeaderMap& other);
  HeaderMap& operator=(const HeaderMap& other);
  HeaderMap(HeaderMap&&) noexcept;
  HeaderMap& operator=(HeaderMap&&) noexcept;

  /// Exchanges contents and memory; views into either stay valid.
  void swap(HeaderMap& other) noexcept;

  /// Appends a field (copies both parts). `name` must be lower-case.
  void add(std::string_view name, std::string_view value);
  void add(HeaderId id, std::string_view value);
  void add(HeaderId id, uint64_t value);
  /// Appends a field whose bytes already live as long as this map, or are static. No copy.
  void add_reference(HeaderId id, std::string_view name, std::string_view value);
  /// Replaces the first field of that name and removes the others; appends it if there is none.
  void set(std::string_view name, std::string_view value);
  void set(HeaderId id, std::string_view value);
  void set(HeaderId id, uint64_t value);
  /// Removes every field of that name; returns how many.
  size_t remove(std::string_view name);
  size_t remove(HeaderId id);
  /// Removes each field for which `predicate(const Field&)` holds.
  template <typename Predicate>
  void remove_if(Predicate predicate);

  /// The first value of that name; nullopt if absent.
  [[nodiscard]] std::optional<std::string_view> get(HeaderId id) const;
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  /// The first value, or "" if absent.
  [[nodiscard]] std::string_view value_of(HeaderId id) const;
  [[nodiscard]] bool has(HeaderId id) const { return index_[static_cast<size_t>(id)] != kAbsent; }

  [[nodiscard]] std::string_view method() const { return value_of(HeaderId::kMethod); }
  [[nodiscard]] std::string_view path() const { return value_of(HeaderId::kPath); }
  [[nodiscard]] std::string_view authority() const { return value_of(HeaderId::kAuthority); }
  /// The status of a response head; 0 if absent or not a number.
  [[nodiscard]] uint16_t status() const;

  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] size_t size() const { return fields_.size(); }
  /// Sum of the lengths of names and values: what header size limits count.
  [[nodiscard]] size_t byte_size() const;

  /// Names are to be written as they are spelled (config/header_case.h), others lower-case or Proper-Case.
  void keep_spellings(HeaderCase::Style others);
  /// One of them. After keep_spellings().
  void keep_spelling(std::string_view name);
  /// Nothing where no spellings are kept.
  [[nodiscard]] std::optional<HeaderCase::Style> style_of_others() const;
  /// The first spelling of a lower-case name; "" where none was kept.
  [[nodiscard]] std::string_view spelling(std::string_view lower_case_name) const;
  /// The reason phrase of a response's start line, where a codec kept it; "" otherwise.
  void keep_reason(std::string_view reason);
  [[nodiscard]] std::string_view reason() const;

  /// Copies bytes into the arena; the view lives until clear().
  std::string_view store(std::string_view bytes);
  /// Room for `size` bytes in the arena, to be filled by the caller.
  char* allocate(size_t size);
  void clear();

 private:
  static constexpr uint16_t kAbsent = 0xffff;
  void clear_index() { std::memset(index_, 0xff, sizeof(index_)); }  // kAbsent everywhere
  void rebuild_index();
  void note(HeaderId id, size_t position);
  /// The field at `position` goes away.
  void forget(HeaderId id, size_t position) {
    if (id == HeaderId::kOther) return;
    auto& slot = index_[static_cast<size_t>(id)];
    if (slot == position) slot = kAbsent;
  }
  /// The field at `from` moves to `to`; it is the first of its name now if those before it went away.
  void move(HeaderId id, size_t from, size_t to) {
    if (id == HeaderId::kOther) return;
    auto& slot = index_[static_cast<size_t>(id)];
    if (slot == from || slot == kAbsent) slot = static_cast<uint16_t>(to);
  }

  std::vector<Field> fields_;
  uint16_t index_[kKnownHeaders];  // position of the first field of each known id
  struct Arena;
  std::unique_ptr<Arena> arena_;
};

template <typename Predicate>
void HeaderMap::remove_if(Predicate predicate) {
  size_t kept = 0;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (predicate(static_cast<const Field&>(fields_[i]))) {
      forget(fields_[i].id, i);
      continue;
    }
    if (kept != i) {
      move(fields_[i].id, i, kept);
      fields_[kept] = fields_[i];
    }
    ++kept;
  }
  fields_.resize(kept);
}

}  // namespace remora
