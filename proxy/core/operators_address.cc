// %[UP|DOWN]STREAM_..._ADDRESS%, ..._ADDRESS_WITHOUT_PORT(MASK)% and ..._PORT%.

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/config/cluster.h"
#include "remora/core/address.h"

namespace remora {
namespace {

constexpr socklen_t kUnixPathOffset = offsetof(sockaddr_un, sun_path);

/// The bytes of an IP address, to be masked and printed without allocating.
struct IpBytes {
  explicit IpBytes(const Address& address) : family(address.family()) {
    if (family == AF_INET) {
      const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address.sockaddr_ptr());
      std::memcpy(bytes, &v4->sin_addr, size = sizeof v4->sin_addr);
    } else {
      const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(address.sockaddr_ptr());
      std::memcpy(bytes, &v6->sin6_addr, size = sizeof v6->sin6_addr);
    }
  }
  void keep(size_t bits) {
    for (size_t i = 0; i < size; ++i) {
      const size_t kept = bits <= i * 8 ? 0 : bits - i * 8;
      if (kept < 8) bytes[i] = static_cast<uint8_t>(bytes[i] & ~(0xff >> kept));
    }
  }
  void append(std::string& out) const {
    char text[INET6_ADDRSTRLEN] = "";
    out.append(inet_ntop(family, bytes, text, sizeof text));
  }
  int family;
  size_t size = 0;
  uint8_t bytes[16] = {};
};

void append_unix_path(const Address& address, std::string& out) {
  if (!address.is_unix() || address.length() <= kUnixPathOffset) return;
  const char* const path = reinterpret_cast<const sockaddr_un*>(address.sockaddr_ptr())->sun_path;
  const size_t size = address.length() - kUnixPathOffset;
  if (path[0] != '\0') {
    out.append(path, strnlen(path, size));
  } else {
    out.append("@").append(path + 1, size - 1);
  }
}

void append_with_port(const Address& address, std::string& out) {
  if (!address.is_ip()) return append_unix_path(address, out);
  const bool v6 = address.family() == AF_INET6;
  if (v6) out += '[';
  IpBytes(address).append(out);
  out += v6 ? "]:" : ":";
  append_number(address.port(), out);
}

struct AddressOperator final : Format::Operator {
  enum class Part : uint8_t { kAll, kHost, kPort };

  bool append(const ExchangeInfo& info, std::string& out) const override {
    const Address* const address = find(info);
    if (address == nullptr || address->empty()) return false;
    if (part == Part::kPort) {
      if (!address->is_ip()) return false;
      append_number(address->port(), out);
      return true;
    }
    if (part == Part::kAll) {
      append_with_port(*address, out);
      return true;
    }
    return append_host(*address, out);
  }

  bool append_json(const ExchangeInfo& info, std::string& out) const override {
    return part == Part::kPort ? append(info, out) : Operator::append_json(info, out);
  }

  bool append_host(const Address& address, std::string& out) const {
    if (!address.is_ip()) {
      append_unix_path(address, out);
      return true;
    }
    IpBytes bytes(address);
    if (!mask) {
      bytes.append(out);
      return true;
    }
    if (*mask > bytes.size * 8) return false;
    bytes.keep(*mask);
    bytes.append(out);
    out += '/';
    append_number(*mask, out);
    return true;
  }

  const Address* (*find)(const ExchangeInfo&) = nullptr;
  Part part = Part::kAll;
  std::optional<uint32_t> mask;
};

const Address* upstream_remote(const ExchangeInfo& info) {
  return info.upstream_host == nullptr ? nullptr : &info.upstream_host->address;
}
const Address* upstream_local(const ExchangeInfo& info) { return info.upstream_local; }
const Address* downstream_local(const ExchangeInfo& info) { return info.downstream_local; }
const Address* downstream_remote(const ExchangeInfo& info) { return info.downstream_remote; }
const Address* downstream_direct(const ExchangeInfo& info) { return info.downstream_direct; }

}  // namespace

Result<OperatorPtr> make_address(const OperatorCall& call) {
  auto made = std::make_shared<AddressOperator>();
  const std::string_view name = call.name;
  const bool local = name.find("_LOCAL_") != std::string_view::npos;
  if (name.starts_with("UPSTREAM_")) {
    made->find = local ? upstream_local : upstream_remote;
  } else if (local) {
    made->find = downstream_local;  // the direct one is the same: nothing here rewrites local addresses
  } else {
    made->find = name.starts_with("DOWNSTREAM_DIRECT_") ? downstream_direct : downstream_remote;
  }
  using Part = AddressOperator::Part;
  made->part = name.ends_with("_WITHOUT_PORT") ? Part::kHost
               : name.ends_with("_PORT")       ? Part::kPort
                                               : Part::kAll;
  if (call.argument && !call.argument->empty()) {
    uint32_t bits = 0;
    const char* const last = call.argument->data() + call.argument->size();
    const auto [end, failed] = std::from_chars(call.argument->data(), last, bits);
    if (failed != std::errc{} || end != last || bits > 128)
      return Error{"its argument is a prefix length from 0 to 128"};
    made->mask = bits;
  }
  return OperatorPtr(std::move(made));
}

}  // namespace remora
