#include "listener/inspect.h"

#include <gtest/gtest.h>

#include <random>

namespace remora {
namespace {

using std::string;
using std::string_view;

string number(size_t value, size_t width) {
  string bytes;
  for (size_t i = width; i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}
string prefixed(string_view content, size_t width) { return number(content.size(), width) + string(content); }

string extension(size_t type, string_view content) { return number(type, 2) + prefixed(content, 2); }
string server_name(string_view name) { return extension(0, prefixed(number(0, 1) + prefixed(name, 2), 2)); }
string alpn(std::vector<string> protocols) {
  string list;
  for (const auto& protocol : protocols) list += prefixed(protocol, 1);
  return extension(16, prefixed(list, 2));
}

string hello_message(string_view extensions) {
  const auto body = number(0x0303, 2) + string(32, 'r') + prefixed("", 1) + prefixed(number(0x1301, 2), 2) +
                    prefixed(string(1, '\0'), 1) + prefixed(extensions, 2);
  return number(1, 1) + prefixed(body, 3);
}

/// The message in records of at most `size` bytes.
string records(string_view message, size_t size = 16384) {
  string wire;
  for (size_t at = 0; at < message.size(); at += size)
    wire += "\x16\x03\x01" + prefixed(message.substr(at, size), 2);
  return wire;
}

TEST(InspectTls, NameAndProtocolsWhateverTheRecords) {
  const auto message =
      hello_message(extension(10, "x") + server_name("WWW.Example.com") + alpn({"h2", "http/1.1"}));
  for (const size_t size : {size_t{16384}, size_t{50}, size_t{3}, size_t{1}}) {
    const auto wire = records(message, size);
    TlsOffer offer;
    ASSERT_EQ(inspect_client_hello(wire, offer), Inspection::kFound) << size;
    EXPECT_EQ(offer.server_name, "www.example.com");
    EXPECT_EQ(offer.protocols, (std::vector<string>{"h2", "http/1.1"}));
    for (size_t known = 0; known < wire.size(); ++known) {
      TlsOffer nothing;
      ASSERT_EQ(inspect_client_hello(string_view(wire).substr(0, known), nothing), Inspection::kMore)
          << known;
    }
  }
}

TEST(InspectTls, WhatFollowsTheHelloDoesNotMatter) {
  TlsOffer offer;
  EXPECT_EQ(inspect_client_hello(records(hello_message("")) + "early data", offer), Inspection::kFound);
  EXPECT_EQ(offer.server_name, "");
  EXPECT_TRUE(offer.protocols.empty());
}

TEST(InspectTls, OtherProtocolsAreToldByTheirFirstBytes) {
  TlsOffer offer;
  for (const string_view bytes :
       {string_view("G"), string_view("\x16\x02"), string_view("\x80\x2e\x01"),
        string_view("\x16\x03\x01\x00\x00", 5), string_view("\x16\x03\x01\x40\x01", 5),
        string_view("\x16\x03\x01\x00\x01\x02", 6)})
    EXPECT_EQ(inspect_client_hello(bytes, offer), Inspection::kNotFound) << bytes;
}

TEST(InspectTls, NamesThatNoServerWouldTakeMakeItNoHello) {
  TlsOffer offer;
  const auto inspect = [&](const string& extensions) {
    return inspect_client_hello(records(hello_message(extensions)), offer);
  };
  EXPECT_EQ(inspect(server_name(string(255, 'a'))), Inspection::kFound);
  EXPECT_EQ(inspect(server_name(string(256, 'a'))), Inspection::kNotFound);
  EXPECT_EQ(inspect(server_name("")), Inspection::kNotFound);
  EXPECT_EQ(inspect(server_name(string("a\0b", 3))), Inspection::kNotFound);
  EXPECT_EQ(inspect(server_name("a") + server_name("b")), Inspection::kNotFound);
  EXPECT_EQ(inspect(extension(0, prefixed(number(1, 1) + prefixed("a", 2), 2))), Inspection::kNotFound);
  EXPECT_EQ(inspect(extension(0, prefixed(number(0, 1) + prefixed("a", 2), 2) + "junk")),
            Inspection::kNotFound);
  EXPECT_EQ(inspect(number(0, 2) + number(40, 2) + "short"), Inspection::kNotFound);
  offer = {};
  EXPECT_EQ(inspect(extension(16, prefixed(prefixed("", 1), 2))), Inspection::kFound);
  EXPECT_TRUE(offer.protocols.empty());  // the TLS stack refuses it, not we
}

TEST(InspectTls, TheHelloIsBounded) {
  TlsOffer offer;
  const auto fits = hello_message(extension(21, string(kMaxClientHello - 200, '\0')));
  EXPECT_EQ(inspect_client_hello(records(fits), offer), Inspection::kFound);
  const auto claims = string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9);
  EXPECT_EQ(inspect_client_hello(claims, offer), Inspection::kTooLarge);
  // Tiny records: the limit holds for what is on the wire.
  const auto slow = records(hello_message(extension(21, string(8000, '\0'))), 1);
  EXPECT_EQ(inspect_client_hello(slow, offer), Inspection::kTooLarge);
}

TEST(InspectTls, AnyBytesAreAnswered) {
  std::mt19937 random(1);
  const auto wire = records(hello_message(server_name("a.test") + alpn({"h2"})), 40);
  for (int i = 0; i < 20000; ++i) {
    auto bytes = wire.substr(0, random() % (wire.size() + 1));
    for (size_t n = random() % 4; n > 0 && !bytes.empty(); --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    TlsOffer offer;
    inspect_client_hello(bytes, offer);
    EXPECT_LE(offer.server_name.size(), 255u);
  }
}

TEST(InspectHttp, PrefaceAndRequestLinesByteByByte) {
  const auto expect = [](string_view bytes, HttpVersion expected) {
    HttpVersion version{};
    for (size_t known = 0; known < bytes.size(); ++known)
      ASSERT_EQ(inspect_http(bytes.substr(0, known), version), Inspection::kMore) << bytes << known;
    ASSERT_EQ(inspect_http(bytes, version), Inspection::kFound) << bytes;
    EXPECT_EQ(version, expected);
  };
  expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HttpVersion::kHttp2);
  expect("GET /a?b HTTP/1.1\r\n", HttpVersion::kHttp11);
  expect("POST http://a/ HTTP/1.0\r\n", HttpVersion::kHttp10);
  expect("PRIVATE * HTTP/1.1\n", HttpVersion::kHttp11);
}

TEST(InspectHttp, OtherProtocolsAreLetGoAtOnce) {
  HttpVersion version{};
  for (const string_view bytes : {"\r\n", "\x01", " GET", "GET  ", "GET /a HTTP/2", "GET / HTTP/1.2",
                                  "EHLO a\r", "GET / HTTP/1.1x", "* OK ready\r"})
    EXPECT_EQ(inspect_http(bytes, version), Inspection::kNotFound) << bytes;
  EXPECT_EQ(inspect_http("GET /" + string(kMaxRequestLine, 'a'), version), Inspection::kTooLarge);
}

string v2(size_t version_and_command, size_t family, string_view payload) {
  return string("\r\n\r\n\0\r\nQUIT\n", 12) + number(version_and_command, 1) + number(family, 1) +
         prefixed(payload, 2);
}
const string kV4 = string("\x0a\x01\x02\x03\x0a\x01\x02\x04", 8) + number(1234, 2) + number(443, 2);

TEST(InspectProxy, Version1) {
  const string line = "PROXY TCP4 10.1.2.3 10.1.2.4 1234 443\r\n";
  ProxyHeader header;
  ASSERT_EQ(inspect_proxy_header(line + "GET /", header), Inspection::kFound);
  EXPECT_EQ(header.length, line.size());
  EXPECT_EQ(header.source.to_string(), "10.1.2.3:1234");
  EXPECT_EQ(header.destination.to_string(), "10.1.2.4:443");
  for (size_t known = 0; known < line.size(); ++known) {
    ProxyHeader unfinished;
    ASSERT_EQ(inspect_proxy_header(string_view(line).substr(0, known), unfinished), Inspection::kMore)
        << known;
  }
  ProxyHeader six;
  ASSERT_EQ(inspect_proxy_header("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", six), Inspection::kFound);
  EXPECT_EQ(six.source.to_string(), "[2001:db8::1]:1");
  ProxyHeader unknown;
  ASSERT_EQ(inspect_proxy_header("PROXY UNKNOWN what ever\r\n", unknown), Inspection::kFound);
  EXPECT_FALSE(unknown.has_addresses);
  EXPECT_EQ(unknown.length, 25u);
}

TEST(InspectProxy, Version1ThatIsRefused) {
  for (const string_view line :
       {"PROXY TCP4 10.1.2.3 10.1.2.4 1234\r\n", "PROXY TCP4 10.1.2.3 10.1.2.4 1234 443 1\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 10.1.2.3 10.1.2.4 1 2\r\n",
        "PROXY TCP4 10.1.2.3 10.1.2.4 65536 1\r\n", "PROXY TCP4 10.1.2.3 10.1.2.4 -1 1\r\n",
        "PROXY TCP4 10.1.2.3 10.1.2.4 1a 1\r\n", "PROXY TCP4 0.0.0.0 10.1.2.4 1 1\r\n",
        "PROXY TCP4 224.0.0.1 10.1.2.4 1 1\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
        "PROXY TCP4 a b 1 2\r\n", "PROXY  TCP4 10.1.2.3 10.1.2.4 1 1\r\n", "PROXY TCP4\r\n", "PROXY \r\n"}) {
    ProxyHeader header;
    EXPECT_EQ(inspect_proxy_header(line, header), Inspection::kNotFound) << line;
    EXPECT_EQ(header.version, ProxyHeader::Version::kV1) << line;
  }
  ProxyHeader header;
  EXPECT_EQ(inspect_proxy_header("PROXY UNKNOWN " + string(91, 'a') + "\r\n", header), Inspection::kFound);
  EXPECT_EQ(inspect_proxy_header("PROXY UNKNOWN " + string(92, 'a') + "\r\n", header), Inspection::kNotFound);
  EXPECT_EQ(inspect_proxy_header("PROXY UNKNOWN " + string(500, 'a'), header), Inspection::kNotFound);
}

TEST(InspectProxy, Version2) {
  const auto wire =
      v2(0x21, 0x11, kV4 + number(0xea, 1) + prefixed("vpc-1", 2) + number(4, 1) + prefixed("", 2));
  ProxyHeader header;
  const auto with_rest = wire + "rest";  // what is read of it are views
  ASSERT_EQ(inspect_proxy_header(with_rest, header), Inspection::kFound);
  EXPECT_EQ(header.length, wire.size());
  EXPECT_EQ(header.source.to_string(), "10.1.2.3:1234");
  EXPECT_EQ(header.destination.to_string(), "10.1.2.4:443");
  ASSERT_EQ(header.tlvs.size(), 2u);
  EXPECT_EQ(header.tlvs[0].first, 0xea);
  EXPECT_EQ(header.tlvs[0].second, "vpc-1");
  for (size_t known = 0; known < wire.size(); ++known) {
    ProxyHeader unfinished;
    ASSERT_EQ(inspect_proxy_header(string_view(wire).substr(0, known), unfinished), Inspection::kMore)
        << known;
  }
  ProxyHeader local;
  const auto health_check = v2(0x20, 0x00, "anything at all");
  ASSERT_EQ(inspect_proxy_header(health_check, local), Inspection::kFound);
  EXPECT_FALSE(local.has_addresses);
  EXPECT_EQ(local.length, health_check.size());
}

TEST(InspectProxy, Version2ThatIsRefused) {
  const auto bad_tlv = kV4 + number(0xea, 1) + number(6, 2) + "five!";
  for (const auto& wire : {v2(0x11, 0x11, kV4), v2(0x22, 0x11, kV4), v2(0x21, 0x10, kV4), v2(0x21, 0x13, kV4),
                           v2(0x21, 0x31, string(216, 'u')), v2(0x21, 0x00, ""),
                           v2(0x21, 0x11, kV4.substr(1)), v2(0x21, 0x21, kV4), v2(0x21, 0x11, bad_tlv),
                           v2(0x21, 0x11, kV4 + "\x01"), v2(0x21, 0x11, string(12, '\0'))}) {
    ProxyHeader header;
    EXPECT_EQ(inspect_proxy_header(wire, header), Inspection::kNotFound);
    EXPECT_EQ(header.version, ProxyHeader::Version::kV2);
  }
  ProxyHeader header;
  EXPECT_EQ(inspect_proxy_header(v2(0x21, 0x11, string(65535, 'x')), header), Inspection::kTooLarge);
}

TEST(InspectProxy, OtherBytesAreToldApartEarly) {
  ProxyHeader header;
  for (const string_view bytes : {"G", "PRO ", "\r\n\r\n\n", "\r\nX"})
    EXPECT_EQ(inspect_proxy_header(bytes, header), Inspection::kNotFound) << bytes;
  EXPECT_EQ(header.version, ProxyHeader::Version::kNone);
}

}  // namespace
}  // namespace remora
