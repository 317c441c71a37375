#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "remora/core/failure.h"
#include "remora/http/header_map.h"

namespace remora {

/// Where body bytes come from: it can be told to pause and to go on.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The bytes in flight fell to the low mark after the account had asked for a pause.
  virtual void on_window_open() = 0;
};

/// Counts the body bytes that a source has handed out and nobody has written yet. Worker-local,
/// reference-counted without atomics: credits may outlive the source (detach() then cuts the way back).
class CreditAccount {
 public:
  static CreditAccount* make(BodySource* source, size_t limit) { return new CreditAccount(source, limit); }

  void retain() { ++references_; }
  void release_reference() {
    if (--references_ == 0) delete this;
  }
  /// The source goes away; outstanding credits return into nothing.
  void detach() { source_ = nullptr; }
  /// Nothing is in flight and nobody but the caller holds it: it may serve another message.
  [[nodiscard]] bool idle() const { return references_ == 1 && outstanding_ == 0; }
  [[nodiscard]] size_t limit() const { return limit_; }
  [[nodiscard]] size_t outstanding() const { return outstanding_; }
  /// True while more than the limit is in flight: the source should stop reading.
  [[nodiscard]] bool exhausted() const { return outstanding_ >= limit_; }
  void charge(size_t bytes) {
    outstanding_ += bytes;
    if (exhausted()) paused_ = true;
  }
  void give_back(size_t bytes) {
    outstanding_ -= bytes;
    if (paused_ && outstanding_ <= limit_ / 2) {
      paused_ = false;
      if (source_ != nullptr) source_->on_window_open();
    }
  }

 private:
  CreditAccount(BodySource* source, size_t limit) : source_(source), limit_(limit) {}
  ~CreditAccount() = default;

  BodySource* source_;
  size_t limit_;
  size_t outstanding_ = 0;
  uint32_t references_ = 1;
  bool paused_ = false;
};

/// Ownership of some of an account's bytes in flight. Destroying it gives them back: back-pressure is
/// ownership, whoever holds a chunk's credit holds the source's window. Move-only.
class Credit {
 public:
  Credit() = default;
  Credit(CreditAccount& account, size_t bytes) : account_(&account), bytes_(bytes) {
    account.retain();
    account.charge(bytes);
  }
  Credit(Credit&& other) noexcept
      : account_(std::exchange(other.account_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Credit& operator=(Credit&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Credit() {
    if (account_ == nullptr) return;
    account_->give_back(bytes_);
    account_->release_reference();
  }
  /// Takes over another credit of the same account (or of any, if this one is empty).
  void merge(Credit&& other) {
    if (account_ == nullptr) {
      *this = std::move(other);
    } else if (other.account_ != nullptr) {
      bytes_ += std::exchange(other.bytes_, 0);
      std::exchange(other.account_, nullptr)->release_reference();
    }
  }
  /// Parts with the credit for up to `bytes`: a long body is paid back as its pieces leave.
  Credit split(size_t bytes) {
    Credit part;
    if (account_ == nullptr) return part;
    if (bytes >= bytes_) return std::exchange(*this, Credit());
    account_->retain();
    part.account_ = account_;
    part.bytes_ = bytes;
    bytes_ -= bytes;
    return part;
  }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return account_ == nullptr; }

 private:
  CreditAccount* account_ = nullptr;
  size_t bytes_ = 0;
};

/// A piece of a message body. `bytes` are valid during the call that hands it over; who keeps them copies
/// them, and keeps `credit` until they have been written.
struct BodyChunk {
  std::string_view bytes;
  Credit credit;
};

/// The one seam of the data plane: a message arriving. Codecs call it for what they decode, the exchange
/// passes it on. The same for HTTP/1, HTTP/2 and tunnels, for requests and responses.
///
/// Order: on_informational*, on_head, on_body*, on_trailers?; the message is over with `end` or on_trailers,
/// or at any time with on_reset, after which nothing follows. Calls come on the worker's thread, never
/// re-entrantly from within a MessageSink call of the same stream.
class MessageEvents {
 public:
  /// An interim response (1xx except 101). Only on responses.
  virtual void on_informational(HeaderMap& head) = 0;
  virtual void on_head(HeaderMap& head, bool end) = 0;
  virtual void on_body(BodyChunk chunk, bool end) = 0;
  virtual void on_trailers(HeaderMap& trailers) = 0;
  virtual void on_reset(Failure failure) = 0;

 protected:
  ~MessageEvents() = default;
};

/// The other end of the seam: a message being sent. Same order, same rules; implemented by codecs.
/// After reset() the stream is gone and nothing may be sent. Sinks never call back into MessageEvents from
/// within.
class MessageSink {
 public:
  virtual void send_informational(const HeaderMap& head) = 0;
  virtual void send_head(const HeaderMap& head, bool end) = 0;
  virtual void send_body(BodyChunk chunk, bool end) = 0;
  virtual void send_trailers(const HeaderMap& trailers) = 0;
  virtual void reset(Failure failure) = 0;

 protected:
  ~MessageSink() = default;
};

}  // namespace remora
