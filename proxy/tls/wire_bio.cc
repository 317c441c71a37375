#include "tls/wire_bio.h"

#include <algorithm>
#include <cstring>

#include "net/byte_queue.h"

namespace remora {
namespace {

WireBytes& bytes_of(BIO* bio) { return *static_cast<WireBytes*>(BIO_get_data(bio)); }

int read_wire(BIO* bio, char* data, size_t size, size_t* taken) {
  auto& bytes = bytes_of(bio);
  BIO_clear_retry_flags(bio);
  if (bytes.in.empty()) {
    if (!bytes.ended) BIO_set_retry_read(bio);
    *taken = 0;
    return 0;
  }
  *taken = std::min(size, bytes.in.size());
  std::memcpy(data, bytes.in.data(), *taken);
  bytes.in.remove_prefix(*taken);
  return 1;
}

int write_wire(BIO* bio, const char* data, size_t size, size_t* written) {
  auto& bytes = bytes_of(bio);
  if (bytes.out == nullptr) return 0;
  bytes.out->append({data, size});
  *written = size;
  return 1;
}

long control_wire(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return bytes_of(bio).ended && bytes_of(bio).in.empty() ? 1 : 0;
  return 0;
}

BIO_METHOD* wire_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "remora wire bytes");
    BIO_meth_set_read_ex(made, read_wire);
    BIO_meth_set_write_ex(made, write_wire);
    BIO_meth_set_ctrl(made, control_wire);
    return made;
  }();
  return method;
}

}  // namespace

BioPtr make_wire_bio(WireBytes& bytes) {
  BioPtr bio(BIO_new(wire_method()));
  if (bio != nullptr) {
    BIO_set_data(bio.get(), &bytes);
    BIO_set_init(bio.get(), 1);
  }
  return bio;
}

}  // namespace remora
