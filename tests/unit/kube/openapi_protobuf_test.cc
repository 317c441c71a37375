#include "kube/openapi_protobuf.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kube/openapi.h"

namespace remora::kube {
namespace {

namespace json = boost::json;

using Fields = std::map<unsigned, std::vector<std::string>>;

size_t read_varint(std::string_view& bytes) {
  size_t value = 0;
  for (unsigned shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= static_cast<size_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

/// The fields of a message, all of which have a length.
Fields read_message(std::string_view bytes) {
  Fields fields;
  while (!bytes.empty()) {
    const size_t tag = read_varint(bytes);
    EXPECT_EQ(tag & 7, 2U);
    const size_t size = read_varint(bytes);
    if (size > bytes.size()) {
      ADD_FAILURE() << "runs over its end";
      return fields;
    }
    fields[static_cast<unsigned>(tag >> 3)].emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return fields;
}

/// Name to value of a message that holds named values in field 1.
std::map<std::string, std::string> read_named(const std::string& bytes) {
  std::map<std::string, std::string> out;
  const Fields entries = read_message(bytes);
  for (const std::string& entry : entries.at(1)) {
    Fields fields = read_message(entry);
    out[fields[1].at(0)] = fields[2].at(0);
  }
  return out;
}

TEST(OpenApiProtobuf, HoldsTheDefinitions) {
  Fields document = read_message(openapi_v2_protobuf());
  EXPECT_EQ(document[1].at(0), "2.0");
  const auto definitions = read_named(document[9].at(0));
  const json::value text = json::parse(openapi_v2());
  EXPECT_EQ(definitions.size(), text.at("definitions").get_object().size());

  Fields service = read_message(definitions.at("io.k8s.api.core.v1.Service"));
  Fields mark = read_message(service[31].at(0));
  EXPECT_EQ(mark[1].at(0), "x-kubernetes-group-version-kind");
  EXPECT_EQ(json::parse(read_message(mark[2].at(0))[2].at(0)),
            json::parse(R"([{"group":"","kind":"Service","version":"v1"}])"));
  EXPECT_EQ(read_message(service[22].at(0))[1].at(0), "object");

  Fields spec = read_message(read_named(service[25].at(0)).at("spec"));
  Fields ports = read_message(read_named(spec[25].at(0)).at("ports"));
  Fields port = read_message(read_message(ports[23].at(0))[1].at(0));
  EXPECT_EQ(port[19].at(0), "port");
  Fields protocol = read_message(read_named(port[25].at(0)).at("protocol"));
  EXPECT_EQ(read_message(protocol[5].at(0))[2].at(0), "\"TCP\"");
  Fields target = read_message(read_named(port[25].at(0)).at("targetPort"));
  EXPECT_EQ(target[1].at(0), "#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString");
}

}  // namespace
}  // namespace remora::kube
