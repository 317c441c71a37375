#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "istio/build/snapshot.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {

inline constexpr int kServices = 8;

/// A mesh of which some objects are exchanged at random; the others stay the very same.
class RandomMesh {
 public:
  RandomMesh() {
    for (int i = 0; i < kServices; ++i) put("service" + std::to_string(i), service(i, 0));
  }

  void step() {
    const int i = roll(kServices);
    const std::string name = "s" + std::to_string(i);
    switch (roll(11)) {
      case 0: put("service" + std::to_string(i), service(i, roll(3))); break;
      case 1: objects_.erase("service" + std::to_string(i)); break;
      case 2:
      case 3: put("rule" + name, rule(name)); break;
      case 4: objects_.erase("rule" + name); break;
      case 5: put("workload" + std::to_string(roll(4)), workload(name)); break;
      case 6:
      case 7:
      case 8: put("routes" + name, routes(name)); break;
      case 9: objects_.erase("routes" + name); break;
      default:
        if (roll(3) == 0) {
          put("policy",
              "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: "
              "{mtls: {mode: " +
                  std::string(roll(2) == 0 ? "STRICT" : "DISABLE") + "}}\n");
        } else {
          objects_.erase("policy");
        }
    }
  }

  std::vector<ResourcePtr> resources() const {
    std::vector<ResourcePtr> all;
    all.reserve(objects_.size());
    for (const auto& entry : objects_) all.push_back(entry.second);
    return all;
  }

 private:
  int roll(int sides) { return std::uniform_int_distribution<>(0, sides - 1)(random_); }
  void put(const std::string& key, const std::string& yaml) { objects_[key] = test::resources(yaml).at(0); }

  static std::string service(int i, int kind) {
    const std::string ports[] = {"[{name: http, port: 80}]",
                                 "[{name: http, port: 80}, {name: tcp, port: 9000}]",
                                 "[{name: http, port: 81}]"};
    const std::string name = "s" + std::to_string(i);
    return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + name +
           "}, ports: " + ports[kind] + "}\n";
  }
  std::string rule(const std::string& host) {
    return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + host +
           "}\nspec:\n  host: " + host + "\n  subsets: [{name: v" + std::to_string(roll(2)) +
           ", labels: {version: v1}}]\n  trafficPolicy: {tls: {mode: " +
           (roll(2) == 0 ? "ISTIO_MUTUAL" : "DISABLE") +
           "}, connectionPool: {tcp: {maxConnections: " + std::to_string(1 + roll(3)) + "}}" +
           (roll(2) == 0 ? ", loadBalancer: {consistentHash: {httpHeaderName: user}}" : "") + "}\n";
  }
  /// Of the host itself, of another one as well, of bytes, or of a host that is no service.
  std::string routes(const std::string& host) {
    const std::string to = "[{destination: {host: s" + std::to_string(roll(kServices)) + "}}]";
    const std::string kinds[] = {
        "{hosts: [" + host + "], http: [{timeout: " + std::to_string(1 + roll(3)) + "s, route: " + to + "}]}",
        "{hosts: [" + host + "], exportTo: ['.'], http: [{match: [{uri: {prefix: /a}}], route: " + to +
            "}, {route: " + to + "}]}",
        "{hosts: [" + host + ", " + (host == "s0" ? "s1" : "s0") + "], http: [{route: " + to + "}]}",
        "{hosts: [" + host + "], tcp: [{route: " + to + "}]}",
        "{hosts: [nobody" + host + ", '*.example.com'], http: [{route: " + to + "}]}"};
    return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + host +
           ", namespace: " + (roll(6) == 0 ? "other" : "default") +
           "}\nspec: " + kinds[std::min(roll(9), 4)] + "\n";
  }
  std::string workload(const std::string& app) {
    return "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w" +
           std::to_string(roll(4)) + "}\nspec: {address: 10.0.0." + std::to_string(1 + roll(9)) +
           ", labels: {app: " + app + ", version: v1, security.istio.io/tlsMode: istio}}\n";
  }

  std::map<std::string, ResourcePtr> objects_;
  std::mt19937 random_{11};
};

inline void expect_equal(const Snapshot& now, const Snapshot& expected, int step) {
  for (const XdsType type : kXdsTypes) {
    ASSERT_EQ(now.group(type).version, expected.group(type).version) << short_name(type) << " after " << step;
    ASSERT_EQ(now.group(type).resources.size(), expected.group(type).resources.size());
    for (const auto& [name, resource] : expected.group(type).resources)
      ASSERT_EQ(now.group(type).resources.get(name)->any, resource->any) << name << " after " << step;
  }
  ASSERT_EQ(texts(now.notes), texts(expected.notes)) << "after " << step;
}

}  // namespace remora::istio::test
