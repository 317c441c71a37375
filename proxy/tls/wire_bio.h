#pragma once

#include <string_view>

#include "tls/openssl_ptr.h"

namespace remora {

class ByteQueue;

/// What OpenSSL reads from and writes to during one call: memory, never a socket.
struct WireBytes {
  std::string_view in;       // consumed from the front
  bool ended = false;        // nothing follows `in`, ever
  ByteQueue* out = nullptr;  // null: nothing may be written now
};

/// A BIO over `bytes`, which must outlive it.
BioPtr make_wire_bio(WireBytes& bytes);

}  // namespace remora
