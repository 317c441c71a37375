#include "kube/protobuf_body.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace remora::kube {
namespace {

namespace json = boost::json;

/// A field with bytes; all that these tests need is shorter than 128 bytes.
std::string field(int number, const std::string& bytes) {
  std::string out;
  if (number > 15) out += static_cast<char>(((number << 3 | 2) & 0x7F) | 0x80);
  out += static_cast<char>(number > 15 ? number >> 4 : number << 3 | 2);
  out += static_cast<char>(bytes.size());
  return out + bytes;
}
std::string field(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}
std::string entry(const std::string& key, const std::string& value) {
  return field(1, key) + field(2, value);
}
std::string envelope(const std::string& version, const std::string& kind, const std::string& raw) {
  return std::string("k8s\0", 4) + field(1, field(1, version) + field(2, kind)) + field(2, raw);
}
std::string read(const std::string& body) {
  const auto outcome = read_protobuf(body);
  if (const auto* refusal = std::get_if<Refusal>(&outcome))
    return std::to_string(refusal->code) + ' ' + refusal->message;
  return json::serialize(std::get<json::object>(outcome));
}

TEST(ProtobufBody, ReadsWhatIsSetAndLeavesOutZeros) {
  const std::string meta =
      field(1, "shop") + field(2, "") + field(7, 0) + field(8, "") + field(11, entry("a", "b"));
  EXPECT_EQ(read(envelope("v1", "Namespace", field(1, meta) + field(2, "") + field(3, field(1, "")))),
            R"({"metadata":{"name":"shop","labels":{"a":"b"}},"apiVersion":"v1","kind":"Namespace"})");
}

TEST(ProtobufBody, ReadsMapsListsAndNumbers) {
  EXPECT_EQ(read(envelope("v1", "Secret",
                          field(2, entry("token", "abc")) + field(2, entry("b", "")) + field(3, "Opaque"))),
            R"({"data":{"token":"YWJj","b":""},"type":"Opaque","apiVersion":"v1","kind":"Secret"})");
  const std::string number = field(1, "http") + field(3, 80) + field(4, field(1, 0) + field(2, 8));
  const std::string name = field(3, 81) + field(4, field(1, 1) + field(3, "web"));
  EXPECT_EQ(read(envelope("v1", "Service", field(2, field(1, number) + field(1, name) + field(19, "IPv4")))),
            R"({"spec":{"ports":[{"name":"http","port":80,"targetPort":8},{"port":81,"targetPort":"web"}],)"
            R"("ipFamilies":["IPv4"]},"apiVersion":"v1","kind":"Service"})");
  EXPECT_EQ(read(envelope("apps/v1", "Deployment", field(2, field(1, 0) + field(5, 0) + field(7, 1)))),
            R"({"spec":{"replicas":0,"paused":true},"apiVersion":"apps/v1","kind":"Deployment"})");
}

TEST(ProtobufBody, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(read(envelope("v1", "Pod", "")),
            "415 a Pod is not read as protobuf: send it as application/json");
  const std::string spec = field(3, field(2, field(1, field(1, "a volume"))));
  EXPECT_EQ(read(envelope("apps/v1", "Deployment", field(2, spec))),
            "415 field 1 of spec.template.spec is not read as protobuf: send it as application/json");
}

TEST(ProtobufBody, EveryCutOrChangedByteIsReadOrRefused) {
  const std::string good = envelope(
      "v1", "Service", field(1, field(1, "a")) + field(2, field(1, field(1, "http") + field(3, 80))));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(read(good.substr(0, size)).empty());
    for (const char c : {'\0', '\x7f', '\xff', '\x0a', '\x08'}) {
      std::string changed = good;
      changed[size] = c;
      EXPECT_FALSE(read(changed).empty());
    }
  }
  EXPECT_EQ(read("no magic").substr(0, 3), "400");
}

}  // namespace
}  // namespace remora::kube
