// A client and a server transport, wired in memory: what flows, in whatever pieces, and how it ends.
#include <gtest/gtest.h>

#include <string>

#include "proxy/tls_harness.h"

namespace remora {
namespace {

using test::Link;
using test::Side;
using test::TlsWorld;

struct TlsTransportTest : ::testing::Test, TlsWorld {
  TlsTransportTest() { apply(); }
};

TEST_F(TlsTransportTest, BytesFlowBothWaysAfterTheHandshake) {
  auto link = this->link();
  EXPECT_EQ(link.client.transport->info(), nullptr);
  link.pump();
  ASSERT_TRUE(link.both_open()) << link.client.failure() << link.server.failure();
  link.client.send("hello");
  link.server.send(std::string(100000, 'x'));
  link.pump();
  EXPECT_EQ(link.server.plain, "hello");
  EXPECT_EQ(link.client.plain, std::string(100000, 'x'));
  const auto info = link.server.transport->info();
  EXPECT_EQ(info->version, "TLSv1.3");
  EXPECT_EQ(info->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(info->sni, "server.example");
  EXPECT_FALSE(info->peer_presented);
  EXPECT_EQ(info->local->subject, "CN=server,O=remora");
  EXPECT_EQ(link.client.transport->info()->peer->dns_sans, std::vector<std::string>{"server.example"});
  EXPECT_TRUE(link.client.transport->info()->peer_validated);
  EXPECT_EQ(stat("listener.test.ssl.handshake"), 1U);
  EXPECT_EQ(stat("cluster.test.ssl.handshake"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.no_certificate"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.versions.TLSv1.3"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.curves.X25519"), 1U);
  EXPECT_EQ(stat("listener.test.ssl.ciphers.TLS_AES_128_GCM_SHA256"), 1U);
  EXPECT_EQ(stat("cluster.test.ssl.sigalgs.ecdsa_secp256r1_sha256"), 1U);
}

TEST_F(TlsTransportTest, OneByteAtATimeIsEnough) {
  auto link = this->link();
  link.pump(1);
  ASSERT_TRUE(link.both_open());
  link.client.send("a request");
  link.server.send(std::string(20000, 'r'));
  link.pump(1);
  EXPECT_EQ(link.server.plain, "a request");
  EXPECT_EQ(link.client.plain.size(), 20000U);
}

TEST_F(TlsTransportTest, NothingFlowsBeforeTheHandshake) {
  auto link = this->link();
  EXPECT_EQ(link.server.transport->send("early", link.server.wire), 0U);
  EXPECT_TRUE(link.server.wire.empty());
}

TEST_F(TlsTransportTest, TheEndIsToldApartFromACut) {
  auto clean = link();
  clean.pump();
  clean.client.transport->end(clean.client.wire);
  clean.pump();
  EXPECT_EQ(clean.server.state(), Transport::State::kEnded);
  clean.server.transport->receive_end(clean.server.wire);
  EXPECT_EQ(clean.server.state(), Transport::State::kEnded);
  EXPECT_EQ(clean.server.failure(), "");
  // Half closed: the other direction still works.
  clean.server.send("last words");
  clean.pump();
  EXPECT_EQ(clean.client.plain, "last words");

  auto cut = link();
  cut.pump();
  cut.server.transport->receive_end(cut.server.wire);
  EXPECT_EQ(cut.server.state(), Transport::State::kFailed);
  EXPECT_NE(cut.server.failure().find("UNEXPECTED_EOF_WHILE_READING"), std::string::npos)
      << cut.server.failure();
}

TEST_F(TlsTransportTest, APeerThatLeavesDuringTheHandshakeIsNoError) {
  auto link = this->link();
  link.server.transport->receive_end(link.server.wire);
  EXPECT_EQ(link.server.state(), Transport::State::kFailed);
  EXPECT_EQ(stat("listener.test.ssl.connection_error"), 0U);
}

TEST_F(TlsTransportTest, PlainTextIsRefusedByName) {
  auto link = this->link();
  link.server.receive("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(link.server.state(), Transport::State::kFailed);
  EXPECT_EQ(link.server.failure().find("TLS_error:|"), 0U) << link.server.failure();
  EXPECT_NE(link.server.failure().find(":SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end"),
            std::string::npos)
      << link.server.failure();
  EXPECT_EQ(stat("listener.test.ssl.connection_error"), 1U);
}

TEST_F(TlsTransportTest, AChangedByteEndsTheConnection) {
  auto link = this->link();
  link.pump();
  link.client.send("secret");
  std::string bytes(link.client.wire.view());
  bytes[bytes.size() - 1] ^= 1;
  link.client.wire.clear();
  link.server.receive(bytes);
  EXPECT_EQ(link.server.state(), Transport::State::kFailed);
  EXPECT_EQ(link.server.plain, "");
  EXPECT_NE(link.server.failure().find("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), std::string::npos);
  link.pump();  // the alert
  EXPECT_NE(link.client.failure().find("ALERT_BAD_RECORD_MAC"), std::string::npos) << link.client.failure();
}

// Every byte of a hello changed in turn, and every prefix of it followed by nothing: nothing may crash, hang
// or hold much.
TEST_F(TlsTransportTest, DamagedHellosCostLittle) {
  const auto whole = [&] {
    auto link = this->link();
    return std::string(link.client.wire.view());
  }();
  for (size_t i = 0; i < whole.size(); ++i) {
    auto damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    auto link = this->link();
    link.server.receive(damaged);
    link.server.transport->receive_end(link.server.wire);
    EXPECT_FALSE(link.server.open());
    EXPECT_LT(link.server.wire.size(), 8192U);
    auto half = this->link();
    half.server.receive(whole.substr(0, i));
    EXPECT_EQ(half.server.state(), Transport::State::kHandshake);
    half.server.transport->receive_end(half.server.wire);
    EXPECT_EQ(half.server.state(), Transport::State::kFailed);
  }
}

// A record that announces more than a record may hold, and a hello that announces more than a hello may.
TEST_F(TlsTransportTest, OversizeIsRefusedAtOnce) {
  auto record = link();
  record.server.receive(std::string("\x16\x03\x01\xff\xff", 5));
  EXPECT_EQ(record.server.state(), Transport::State::kFailed);
  auto hello = link();
  hello.server.receive(std::string("\x16\x03\x01\x40\x00\x01\xff\xff\xff\x03\x03", 11));
  for (int i = 0; i < 40 && hello.server.state() == Transport::State::kHandshake; ++i)
    hello.server.receive(std::string(16 * 1024, 'x'));
  EXPECT_EQ(hello.server.state(), Transport::State::kFailed);
}

TEST_F(TlsTransportTest, ManyHundredKilobytesInOneSendArriveWhole) {
  auto link = this->link();
  link.pump();
  std::string sent;
  for (int i = 0; i < 300000; ++i) sent += static_cast<char>(i * 7);
  link.client.send(sent);
  link.pump(60000);
  EXPECT_EQ(link.server.plain, sent);
}

}  // namespace
}  // namespace remora
