#include "upstream/first_words.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace remora {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

Address address(const char* host, uint16_t port) { return *Address::ip(host, port); }

std::string header(bool v2, const Address& from, const Address& to) {
  return proxy_header({.v2 = v2, .added_tlvs = {}}, {&from, &to}, -1);
}

TEST(ProxyHeader, TheLineNamesBothEnds) {
  EXPECT_EQ(header(false, address("1.2.3.4", 65535), address("10.0.0.1", 80)),
            "PROXY TCP4 1.2.3.4 10.0.0.1 65535 80\r\n");
  EXPECT_EQ(header(false, address("2001:db8::1", 1), address("::1", 443)),
            "PROXY TCP6 2001:db8::1 ::1 1 443\r\n");
}

TEST(ProxyHeader, TheBlockHoldsTheSameInBinary) {
  EXPECT_EQ(header(true, address("1.2.3.4", 0x0102), address("10.0.0.1", 80)),
            kSignature + std::string("\x21\x11\0\x0c\1\2\3\4\x0a\0\0\1\1\2\0\x50", 16));
  const std::string six = header(true, address("::1", 1), address("::2", 2));
  ASSERT_EQ(six.size(), 16U + 36U);
  EXPECT_EQ(six.substr(12, 4), std::string("\x21\x21\0\x24", 4));
  EXPECT_EQ(six.substr(16 + 15, 1) + six.substr(16 + 31, 5), std::string("\1\2\0\1\0\2", 6));
}

TEST(ProxyHeader, AddedValuesFollowTheAddresses) {
  const Address from = address("1.2.3.4", 1);
  const Address to = address("1.2.3.5", 2);
  const ProxyHeader form{.v2 = true, .added_tlvs = {{0xe0, "abc"}, {0x02, std::string(300, 'x')}}};
  const std::string block = proxy_header(form, {&from, &to}, -1);
  EXPECT_EQ(block.substr(14, 2), std::string("\x01\x41", 2)) << "12 + 6 + 303 bytes";
  EXPECT_EQ(block.substr(28, 6), std::string("\xe0\0\3abc", 6));
  EXPECT_EQ(block.substr(34, 3), std::string("\2\1\x2c", 3));
  EXPECT_EQ(block.size(), 16U + 12U + 6U + 303U);
}

TEST(ProxyHeader, EndsThatTheProtocolHasNoWordForAreNotTold) {
  const Address path = *Address::unix_path("/run/x.sock");
  const Address ip = address("1.2.3.4", 1);
  const Address six = address("::1", 1);
  for (const auto& [from, to] : {std::pair(path, ip), std::pair(ip, path), std::pair(ip, six)}) {
    EXPECT_EQ(header(false, from, to), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(header(true, from, to), kSignature + std::string("\x20\0\0\0", 4));
  }
}

TEST(ProxyHeader, MadeForNobodyItIsTheConnectionsOwn) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  socklen_t length = sizeof(any);
  ASSERT_EQ(::getsockname(server, reinterpret_cast<sockaddr*>(&any), &length), 0);
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
  sockaddr_in own{};
  length = sizeof(own);
  ASSERT_EQ(::getsockname(client, reinterpret_cast<sockaddr*>(&own), &length), 0);
  EXPECT_EQ(proxy_header({}, {}, client), "PROXY TCP4 127.0.0.1 127.0.0.1 " +
                                              std::to_string(ntohs(own.sin_port)) + ' ' +
                                              std::to_string(ntohs(any.sin_port)) + "\r\n");
  EXPECT_EQ(proxy_header({.v2 = true, .added_tlvs = {}}, {}, client),
            kSignature + std::string("\x20\0\0\0", 4));
  ::close(client);
  ::close(server);
  EXPECT_EQ(proxy_header({}, {}, -1), "PROXY UNKNOWN\r\n");
}

}  // namespace
}  // namespace remora
