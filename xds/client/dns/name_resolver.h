#pragma once

#include <functional>
#include <string>
#include <vector>

#include "remora/config/dns.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"

namespace remora::xds {

/// What became of a question.
struct DnsAnswer {
  /// A name server, or the system's own table, has answered; perhaps that there is no such name.
  bool is_answered = false;
  std::vector<Address> addresses;  // port 0; in the order in which they came, each once
  Milliseconds ttl{0};             // the shortest; 0: none is known
  const char* failure = "";        // why there are no addresses, as CachedName::failure(); static
};

/// Asks for the addresses of names. Single-threaded.
class NameResolver {
 public:
  NameResolver() = default;
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;
  virtual ~NameResolver() = default;

  /// Called once, later than resolve() returns; not at all if the resolver goes before.
  using Done = std::function<void(DnsAnswer answer, MonotonicTime now)>;
  virtual void resolve(const std::string& name, DnsLookupFamily family, Done done) = 0;
};

}  // namespace remora::xds
