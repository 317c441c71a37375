// Every fault has a message with its file, line, resource and field path: this table is the list of them.
#include <gtest/gtest.h>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

struct Case {
  const char* what;
  std::string yaml;
  std::vector<std::string> findings;  ///< after "mesh.yaml:LINE: "
};

std::string without_line(const std::string& finding) {
  const size_t colon = finding.find(": ");
  EXPECT_EQ(finding.rfind("mesh.yaml:", 0), 0U) << finding;
  return finding.substr(colon + 2);
}

class Findings : public ::testing::TestWithParam<Case> {};

TEST_P(Findings, AreExactlyThese) {
  std::vector<std::string> found;
  for (const std::string& finding : findings_of(GetParam().yaml)) found.push_back(without_line(finding));
  EXPECT_EQ(found, GetParam().findings);
}

const std::string kVs = "error: VirtualService default/myapp: ";
const std::string kDr = "error: DestinationRule default/myapp: ";
const std::string kRoute = "    route: [{destination: {host: myapp}}]\n";

Case http(const char* what, const std::string& lines, const std::string& finding) {
  return {what, virtual_service(lines), {finding}};
}

Case rule(const char* what, const std::string& lines, const std::string& finding) {
  return {what, destination_rule(lines), {finding}};
}

INSTANTIATE_TEST_SUITE_P(
    Objects, Findings,
    ::testing::Values(
        Case{"not a map", "- a\n", {"error: an object must be a map, is a list"}},
        Case{
            "no kind", "apiVersion: v1\nmetadata: {name: x}\n", {"error: kind: must name the object's kind"}},
        Case{"no name",
             "apiVersion: v1\nkind: Service\nspec: {}\n",
             {"error: metadata.name: must name the object"}},
        Case{"unknown kind",
             "apiVersion: networking.istio.io/v1\nkind: ProxyConfig\nmetadata: {name: g}\nspec: {}\n",
             {"error: ProxyConfig default/g: kind: ProxyConfig (networking.istio.io/v1) is not implemented"}},
        Case{"unknown version",
             "apiVersion: networking.istio.io/v2\nkind: VirtualService\nmetadata: {name: v}\nspec: {}\n",
             {"error: VirtualService default/v: apiVersion: \"networking.istio.io/v2\" is no version of "
              "VirtualService "
              "that is understood here"}},
        Case{"bystander",
             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
             {"warning: ConfigMap default/c: kind: means nothing to the mesh and is left out"}},
        Case{"no spec",
             "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
             {"error: Service default/s: spec: is required"}},
        Case{"unknown field of metadata",
             "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n"
             "metadata: {name: w, nam: x}\nspec: {address: 127.0.0.1}\n",
             {"error: metadata.nam: unknown field"}},
        Case{"Istio's annotation",
             "apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {networking.istio.io/exportTo: "
             "'.', a: b}}\n"
             "spec: {ports: [{name: http, port: 80}]}\n",
             {"warning: metadata.annotations: networking.istio.io/exportTo is not implemented and has no "
              "effect"}},
        Case{"shadow compare where nothing is mirrored",
             "apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {remora.dev/shadow-compare: "
             "body}}\n"
             "spec: {ports: [{name: http, port: 80}]}\n",
             {"warning: metadata.annotations: remora.dev/shadow-compare has a meaning for VirtualServices "
              "only"}},
        Case{"shadow compare without a meaning",
             "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
             "metadata: {name: v, annotations: {remora.dev/shadow-compare: headers}}\n"
             "spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}\n",
             {"error: metadata.annotations: remora.dev/shadow-compare must be \"status\" or \"body\""}},
        Case{"defined twice",
             destination_rule("") + "---\n" + destination_rule(""),
             {kDr + "is defined twice in this file"}},
        Case{"label lost its quotes",
             "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\n"
             "spec: {address: 127.0.0.1, labels: {version: 1.10}}\n",
             {"error: WorkloadEntry default/w: spec.labels.version: must be a string, is a number (1.10); "
              "put it in "
              "quotes"}}));

INSTANTIATE_TEST_SUITE_P(
    VirtualServices, Findings,
    ::testing::Values(
        http("unknown field", "  - rout: []\n" + kRoute, kVs + "spec.http[0].rout: unknown field"),
        http("weight as a string", "  - route: [{destination: {host: myapp}, weight: \"90\"}]\n",
             kVs + "spec.http[0].route[0].weight: must be a whole number, is a string (90)"),
        http("weight below zero", "  - route: [{destination: {host: myapp}, weight: -1}]\n",
             kVs + "spec.http[0].route[0].weight: must be from 0 to 1000000, is -1"),
        http("no traffic for anybody",
             "  - route: [{destination: {host: a}, weight: 0}, {destination: {host: b}, weight: 0}]\n",
             kVs + "spec.http[0].route: the weights add up to 0: no destination would get traffic"),
        http("no destination", "  - route: [{weight: 1}]\n",
             kVs + "spec.http[0].route[0].destination: is required"),
        http("no host", "  - route: [{destination: {subset: v1}}]\n",
             kVs + "spec.http[0].route[0].destination.host: must name a host"),
        http("bad port", "  - route: [{destination: {host: myapp, port: {number: 70000}}}]\n",
             kVs + "spec.http[0].route[0].destination.port.number: must be from 1 to 65535, is 70000"),
        http("no action", "  - name: x\n",
             kVs + "spec.http[0]: needs one of route, redirect and directResponse"),
        http("two actions", "  - redirect: {uri: /x}\n" + kRoute,
             kVs + "spec.http[0]: has more than one of route, redirect and directResponse"),
        http("two matches in one", "  - match: [{uri: {exact: /a, prefix: /b}}]\n" + kRoute,
             kVs + "spec.http[0].match[0].uri: has more than one of exact, prefix and regex"),
        http("empty match", "  - match: [{uri: {}}]\n" + kRoute,
             kVs + "spec.http[0].match[0].uri: needs one of exact, prefix and regex"),
        http("bad expression", "  - match: [{headers: {user-id: {regex: \"(\"}}}]\n" + kRoute,
             kVs +
                 "spec.http[0].match[0].headers.user-id.regex: is no regular expression (RE2): missing ): ("),
        http("upper-case header", "  - match: [{headers: {User-Id: {exact: a}}}]\n" + kRoute,
             kVs + "spec.http[0].match[0].headers.User-Id: header names are written in lower case"),
        http("case of an expression", "  - match: [{uri: {regex: /a}, ignoreUriCase: true}]\n" + kRoute,
             kVs + "spec.http[0].match[0].ignoreUriCase: has no effect on uri.regex: write (?i) into the "
                   "expression"),
        http("bad timeout", "  - timeout: 3\n" + kRoute,
             kVs + "spec.http[0].timeout: must be a duration such as 1.5s or 250ms, is a number (3); put it "
                   "in quotes"),
        http("tiny timeout", "  - timeout: 10us\n" + kRoute,
             kVs + "spec.http[0].timeout: must be at least 1ms, is \"10us\""),
        http("bad redirect code", "  - redirect: {redirectCode: 304}\n",
             kVs + "spec.http[0].redirect.redirectCode: must be 301, 302, 303, 307 or 308, is 304"),
        http("two ports", "  - redirect: {port: 80, derivePort: FROM_REQUEST_PORT}\n",
             kVs + "spec.http[0].redirect.derivePort: cannot stand beside port"),
        http("bad word", "  - redirect: {derivePort: HERE}\n",
             kVs + "spec.http[0].redirect.derivePort: \"HERE\" is none of FROM_PROTOCOL_DEFAULT, "
                   "FROM_REQUEST_PORT"),
        http("no status", "  - directResponse: {body: {string: x}}\n",
             kVs + "spec.http[0].directResponse.status: is required"),
        http("bytes", "  - directResponse: {status: 200, body: {bytes: '!'}}\n",
             kVs + "spec.http[0].directResponse.body.bytes: is no base64"),
        http("bytes and text", "  - directResponse: {status: 200, body: {bytes: eA==, string: x}}\n",
             kVs + "spec.http[0].directResponse.body.bytes: cannot stand beside string"),
        http("two rewrites", "  - rewrite: {uri: /a, uriRegexRewrite: {match: a, rewrite: b}}\n" + kRoute,
             kVs + "spec.http[0].rewrite.uriRegexRewrite: cannot stand beside uri"),
        http("rewrite of a redirect", "  - rewrite: {uri: /a}\n    redirect: {uri: /b}\n",
             kVs + "spec.http[0].rewrite: cannot stand beside redirect or directResponse"),
        http("fault of no kind", "  - fault: {}\n" + kRoute,
             kVs + "spec.http[0].fault: needs a delay, an abort or both"),
        http("abort without a status", "  - fault: {abort: {percentage: {value: 1}}}\n" + kRoute,
             kVs + "spec.http[0].fault.abort.httpStatus: is required, or grpcStatus"),
        http("abort with two statuses",
             "  - fault: {abort: {httpStatus: 500, grpcStatus: NOT_FOUND, percentage: {value: 1}}}\n" +
                 kRoute,
             kVs + "spec.http[0].fault.abort.grpcStatus: cannot stand beside httpStatus"),
        http("delay without length", "  - fault: {delay: {percentage: {value: 1}}}\n" + kRoute,
             kVs + "spec.http[0].fault.delay.fixedDelay: is required"),
        http("fault of a redirect",
             "  - fault: {delay: {fixedDelay: 1s, percentage: {value: 1}}}\n    redirect: {uri: /b}\n",
             kVs + "spec.http[0].fault: cannot stand beside redirect"),
        http("method of no HTTP", "  - corsPolicy: {allowMethods: [GET, 'P T']}\n" + kRoute,
             kVs + "spec.http[0].corsPolicy.allowMethods[1]: \"P T\" is no name of HTTP"),
        http("origin of no kind", "  - corsPolicy: {allowOrigins: [{}]}\n" + kRoute,
             kVs + "spec.http[0].corsPolicy.allowOrigins[0]: needs one of exact, prefix and regex"),
        http("half a second", "  - corsPolicy: {maxAge: 1.5s}\n" + kRoute,
             kVs + "spec.http[0].corsPolicy.maxAge: must be whole seconds"),
        http("delegate without a name", "  - delegate: {}\n",
             kVs + "spec.http[0].delegate.name: is required"),
        http("route beside delegate", "  - delegate: {name: x}\n" + kRoute,
             kVs + "spec.http[0].route: cannot stand beside delegate"),
        http("delegate by expression", "  - delegate: {name: x}\n    match: [{uri: {regex: /a.*}}]\n",
             kVs + "spec.http[0].match[0].uri: cannot be a regular expression where routes are delegated"),
        http("two mirror forms", "  - mirror: {host: a}\n    mirrors: [{destination: {host: b}}]\n" + kRoute,
             kVs + "spec.http[0].mirrors: cannot stand beside mirror"),
        http("too much mirrored", "  - mirror: {host: a}\n    mirrorPercentage: {value: 101}\n" + kRoute,
             kVs + "spec.http[0].mirrorPercentage.value: must be from 0 to 100, is 101"),
        http("old mirror field", "  - mirror: {host: a}\n    mirrorPercent: 50\n" + kRoute,
             "warning: VirtualService default/myapp: spec.http[0].mirrorPercent: is deprecated: write "
             "mirrorPercentage: "
             "{value: 50}"),
        http("unreachable", "  - route: [{destination: {host: a}}]\n  - route: [{destination: {host: b}}]\n",
             "warning: VirtualService default/myapp: spec.http: routes after http[0] are never reached: it "
             "has no match and "
             "takes every request"),
        Case{"TCP routes",
             virtual_service(
                 "  - route: [{destination: {host: a}}]\n  tcp: [{match: [{destinationSubnets: [x/8]}], "
                 "route: [{destination: {host: a}}, {destination: {host: b}}]}, {match: [{port: 1}]}]\n"),
             {kVs + "spec.tcp[0].match[0].destinationSubnets: \"x/8\" is neither an address nor a range of "
                    "addresses",
              kVs + "spec.tcp[0].route: the weights add up to 0: no destination would get traffic",
              kVs + "spec.tcp[1].route: must have at least one destination"}},
        Case{"TLS routes",
             virtual_service(
                 "  - route: [{destination: {host: a}}]\n  tls: [{route: [{destination: {host: a}}]}, "
                 "{match: [{sniHosts: ['a*']}], route: [{destination: {host: a}}]}]\n"),
             {kVs + "spec.tls[0].match: must say which names are meant (sniHosts)",
              kVs + "spec.tls[1].match[0].sniHosts: \"a*\" is no host name: a * may only be the whole first "
                    "label"}},
        Case{"gateway",
             virtual_service("  - route: [{destination: {host: a}}]\n  gateways: [front, a/, mesh]\n"),
             {kVs + "spec.gateways: \"a/\" is none of mesh, NAME and NAMESPACE/NAME"}},
        Case{"hosts",
             "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: myapp}\n"
             "spec:\n  hosts: [a, a, '*']\n  http: [{route: [{destination: {host: a}}]}]\n",
             {kVs + "spec.hosts: \"a\" stands there twice",
              kVs + "spec.hosts: \"*\" is for gateways: sidecars would send everything there"}},
        Case{
            "a match of everything",
            virtual_service("  - match: [{}]\n    route: [{destination: {host: a}}]\n"),
            {"warning: VirtualService default/myapp: spec.http[0].match[0]: has no condition: it takes every "
             "request"}},
        Case{"source",
             virtual_service(
                 "  - route: [{destination: {host: a}}]\n  tcp: [{match: [{sourceSubnet: 10.0.0.0/8}, "
                 "{sourceSubnet: here}], route: [{destination: {host: a}}]}]\n"),
             {kVs +
              "spec.tcp[0].match[1].sourceSubnet: \"here\" is neither an address nor a range of addresses"}},
        Case{"bad host",
             "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: myapp}\n"
             "spec:\n  hosts: [\"a.*\"]\n  http: [{route: [{destination: {host: a}}]}]\n",
             {kVs + "spec.hosts: \"a.*\" is no host name: a * may only be the whole first label"}}));

INSTANTIATE_TEST_SUITE_P(
    DestinationRules, Findings,
    ::testing::Values(
        rule("nothing to hash", "  trafficPolicy: {loadBalancer: {consistentHash: {}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash: must have one of httpHeaderName, "
                   "httpCookie, "
                   "useSourceIp and httpQueryParameterName"),
        rule("two to hash",
             "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: x}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash: must have one of httpHeaderName, "
                   "httpCookie, "
                   "useSourceIp and httpQueryParameterName"),
        rule("hash and simple",
             "  trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash: cannot stand beside simple"),
        rule("cookie without a name",
             "  trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {ttl: 1s}}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.name: is required"),
        rule("a table that is no prime",
             "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: "
             "100}}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: must be a prime"),
        rule("two tables",
             "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 101}, "
             "ringHash: {}}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.consistentHash.ringHash: cannot stand beside maglev"),
        rule("old size of the ring",
             "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 9}}}\n",
             "warning: DestinationRule default/myapp: spec.trafficPolicy.loadBalancer.consistentHash."
             "minimumRingSize: is deprecated: write ringHash.minimumRingSize"),
        rule("distribution",
             "  trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 30, c: "
             "60}}]}}}\n",
             kDr +
                 "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to: must be 100 together, "
                 "not 90"),
        rule("both ways",
             "  trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {a: 100}}], "
             "failoverPriority: [x]}}}\n",
             kDr +
                 "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute: cannot stand beside failover "
                 "and failoverPriority"),
        rule("failover to a zone",
             "  trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b/c}]}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0].to: \"b/c\" is no region: "
                   "zones and * have no meaning here"),
        rule("failover to itself",
             "  trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0].to: must be another region "
                   "than from"),
        rule("warmup of what does not weigh",
             "  trafficPolicy: {loadBalancer: {simple: RANDOM, warmup: {duration: 10s}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.warmup: is only for LEAST_REQUEST and ROUND_ROBIN"),
        rule("warmup without end", "  trafficPolicy: {loadBalancer: {warmup: {aggression: 2}}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.warmup.duration: is required"),
        rule("old name of warmup", "  trafficPolicy: {loadBalancer: {warmupDurationSecs: 10s}}\n",
             "warning: DestinationRule default/myapp: spec.trafficPolicy.loadBalancer.warmupDurationSecs: is "
             "deprecated: write warmup.duration"),
        rule("unknown balancer", "  trafficPolicy: {loadBalancer: {simple: BEST}}\n",
             kDr + "spec.trafficPolicy.loadBalancer.simple: \"BEST\" is none of UNSPECIFIED, LEAST_CONN, "
                   "RANDOM, "
                   "PASSTHROUGH, ROUND_ROBIN, LEAST_REQUEST"),
        rule("secrets by name", "  trafficPolicy: {tls: {mode: SIMPLE, credentialName: cert}}\n",
             kDr + "spec.trafficPolicy.tls.credentialName: is not implemented: name files"),
        rule("mutual without a key", "  trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /c.pem}}\n",
             kDr + "spec.trafficPolicy.tls.privateKey: is required for MUTUAL"),
        rule("a key for nothing", "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL, privateKey: /k.pem}}\n",
             kDr + "spec.trafficPolicy.tls.privateKey: is for MUTUAL only"),
        rule("foreign roots", "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL, caCertificates: /ca.pem}}\n",
             kDr +
                 "spec.trafficPolicy.tls.caCertificates: has no place beside ISTIO_MUTUAL, which brings the "
                 "mesh's own"),
        rule("unknown TLS", "  trafficPolicy: {tls: {mode: STRICT}}\n",
             kDr +
                 "spec.trafficPolicy.tls.mode: \"STRICT\" is none of DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL"),
        rule("no connections", "  trafficPolicy: {connectionPool: {tcp: {maxConnections: 0}}}\n",
             kDr +
                 "spec.trafficPolicy.connectionPool.tcp.maxConnections: must be from 1 to 4294967295, is 0"),
        rule("keepalive", "  trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: {time: 1500ms}}}}\n",
             kDr + "spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.time: must be whole seconds"),
        rule("budget", "  trafficPolicy: {retryBudget: {percent: 101}}\n",
             kDr + "spec.trafficPolicy.retryBudget.percent: must be from 0 to 100, is 101"),
        rule("revoked by nobody", "  trafficPolicy: {tls: {mode: SIMPLE, caCrl: /crl.pem}}\n",
             kDr + "spec.trafficPolicy.tls.caCrl: needs caCertificates: it lists what these have signed"),
        rule("two protocols",
             "  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: "
             "true}}}\n",
             kDr + "spec.trafficPolicy.connectionPool.http.useClientProtocol: cannot stand beside "
                   "h2UpgradePolicy UPGRADE"),
        rule("too many ejected", "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}\n",
             kDr + "spec.trafficPolicy.outlierDetection.maxEjectionPercent: must be from 0 to 100, is 101"),
        rule("port twice",
             "  trafficPolicy: {portLevelSettings: [{port: {number: 80}}, {port: {number: 80}}]}\n",
             kDr + "spec.trafficPolicy.portLevelSettings[1].port: port 80 has settings already"),
        rule("port without number",
             "  trafficPolicy: {portLevelSettings: [{loadBalancer: {simple: RANDOM}}]}\n",
             kDr + "spec.trafficPolicy.portLevelSettings[0].port: must have a number"),
        rule("subset twice", "  subsets: [{name: v1}, {name: v1}]\n",
             kDr + "spec.subsets[1].name: subset \"v1\" is defined twice"),
        rule("fault in a subset", "  subsets: [{name: v1, trafficPolicy: {tunnel: {}}}]\n",
             kDr + "spec.subsets[0].trafficPolicy.tunnel: is not implemented"),
        rule("selector", "  workloadSelector: {matchLabels: {a: b}}\n",
             kDr + "spec.workloadSelector: is not implemented: the rule would hold for every client")));

std::string entries(const std::string& hosts, const std::string& spec) {
  return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [\"" +
         hosts + "\"], " + spec + "}\n";
}
std::string entry(const std::string& spec) { return entries("a.test", spec); }
std::string service(const std::string& spec) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {" + spec + "}\n";
}
const std::string kSe = "error: ServiceEntry default/e: ";
const std::string kPorts = "resolution: STATIC, ports: [{number: 80, name: http}]";

INSTANTIATE_TEST_SUITE_P(
    Services, Findings,
    ::testing::Values(
        Case{"a host that is looked up", entry("resolution: DNS, ports: [{number: 80, name: http}]"), {}},
        Case{"other names that are looked up",
             entry("resolution: DNS, ports: [{number: 80, name: http}], endpoints: [{address: b.test, ports: "
                   "{http: 8080}}, {address: 127.0.0.1}]"),
             {}},
        Case{"one that is looked up",
             entry("resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: http}]"),
             {}},
        Case{"two of which one counts",
             entry("resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: http}], endpoints: [{address: "
                   "b.test}, "
                   "{address: c.test}]"),
             {kSe + "spec.endpoints: must be one at most with resolution DNS_ROUND_ROBIN"}},
        Case{"unknown resolution",
             entry("resolution: DYNAMIC_DNS, ports: [{number: 80, name: http}]"),
             {kSe + "spec.resolution: \"DYNAMIC_DNS\" is none of NONE, STATIC, DNS, DNS_ROUND_ROBIN"}},
        Case{"a wildcard cannot be looked up",
             entries("*.a.test", "resolution: DNS, ports: [{number: 80, name: http}]"),
             {kSe + "spec.hosts: \"*.a.test\" is no full name that could be looked up: give endpoints"}},
        Case{"a wildcard with endpoints",
             entries("*.a.test",
                     "resolution: DNS, ports: [{number: 80, name: http}], endpoints: [{address: b.test}]"),
             {}},
        Case{
            "a range that is looked up",
            entry("resolution: DNS, addresses: [10.0.0.0/8], ports: [{number: 80, name: http}]"),
            {"warning: ServiceEntry default/e: spec.addresses: \"10.0.0.0/8\" is no single IP address: "
             "without "
             "interception requests are told apart by Host only",
             kSe +
                 "spec.addresses: \"10.0.0.0/8\" is a range: that goes with resolution NONE or STATIC only"}},
        Case{"no name that could be looked up",
             entry("resolution: DNS, ports: [{number: 80, name: http}], endpoints: [{address: -b.test}]"),
             {kSe +
              "spec.endpoints[0].address: \"-b.test\" is neither an IP address nor a full name: sockets are "
              "not implemented"}},
        Case{"an unknown port's number",
             entry("resolution: DNS, ports: [{number: 80, name: http}], endpoints: [{address: b.test, ports: "
                   "{tcp: "
                   "81}}]"),
             {kSe + "spec.endpoints[0].ports.tcp: port 81 is not defined by the ServiceEntry"}},
        Case{
            "hosts that bytes are not told apart by",
            entries("a.test\", \"b.test", "resolution: DNS, ports: [{number: 81, name: tcp}]"),
            {kSe + "spec.hosts: must be one where a port is neither HTTP nor TLS: nothing tells them apart"}},
        Case{"no resolution is NONE", entry("ports: [{number: 80, name: http}]"), {}},
        Case{"endpoints that are not looked at",
             entry("resolution: NONE, ports: [{number: 80, name: http}], endpoints: [{address: 127.0.0.1}]"),
             {kSe + "spec.endpoints: cannot stand with resolution NONE: give STATIC"}},
        Case{"no ports", entry("resolution: STATIC"), {kSe + "spec.ports: must have at least one port"}},
        Case{"port name twice",
             entry("resolution: STATIC, ports: [{number: 80, name: http}, {number: 81, name: http}]"),
             {kSe + "spec.ports[1].name: port name \"http\" is used twice"}},
        Case{"unknown protocol",
             entry("resolution: STATIC, ports: [{number: 80, name: x, protocol: SPDY}]"),
             {kSe + "spec.ports[0].protocol: \"SPDY\" is no known protocol"}},
        Case{"UDP",
             entry("resolution: STATIC, ports: [{number: 80, name: x, protocol: UDP}]"),
             {"warning: ServiceEntry default/e: spec.ports[0]: gets no listener: its protocol is not "
              "carried"}},
        Case{"endpoint by name",
             entry(kPorts + ", endpoints: [{address: b.test}]"),
             {kSe + "spec.endpoints[0].address: \"b.test\" is no IP address: names go with resolution DNS"}},
        Case{"two sources",
             entry(kPorts + ", endpoints: [{address: 127.0.0.1}], workloadSelector: {labels: {a: b}}"),
             {kSe + "spec.workloadSelector: cannot stand beside endpoints"}},
        Case{"external name", service("type: ExternalName, externalName: a.example.test."), {}},
        Case{"external name without one",
             service("type: ExternalName, ports: [{name: http, port: 80}]"),
             {"error: Service default/s: spec.externalName: is required with type ExternalName"}},
        Case{"external name that is none",
             service("type: ExternalName, externalName: \"a..b\""),
             {"error: Service default/s: spec.externalName: \"a..b\" is no full name"}},
        Case{
            "external name of another type",
            service("externalName: a.test, ports: [{name: http, port: 80}]"),
            {"warning: Service default/s: spec.externalName: has no effect: it goes with type ExternalName"}},
        Case{"as API servers complete it",
             service("internalTrafficPolicy: Cluster, ports: [{name: http, port: 80}]"),
             {}},
        Case{"only endpoints of the node",
             service("internalTrafficPolicy: Local, ports: [{name: http, port: 80}]"),
             {"warning: Service default/s: spec.internalTrafficPolicy: is not implemented: all endpoints get "
              "traffic"}},
        Case{"a port of servers that speak first is TCP", service("ports: [{port: 3306}]"), {}},
        Case{"nameless ports",
             service("ports: [{name: http, port: 80}, {port: 81, appProtocol: http}]"),
             {"error: Service default/s: spec.ports: every port needs a name where there are several"}},
        Case{"undeclared protocol",
             service("ports: [{port: 80}]"),
             {"warning: Service default/s: spec.ports[0]: does not declare its protocol and is taken for "
              "HTTP: name it http, "
              "http-... or tcp-..."}},
        Case{"UDP",
             service("ports: [{name: dns, port: 53, protocol: UDP}]"),
             {"warning: Service default/s: spec.ports[0]: gets no listener: its protocol is not carried"}},
        Case{"workload without address",
             "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\n"
             "spec: {labels: {a: b}}\n",
             {"error: WorkloadEntry default/w: spec.address: is required"}},
        Case{"workload's network",
             "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\n"
             "spec: {address: 127.0.0.1, network: n2}\n",
             {"error: WorkloadEntry default/w: spec.network: is not implemented: one flat network is "
              "assumed"}}));

TEST(Lines, PointAtTheField) {
  const auto found = findings_of(
      virtual_service("  - route:\n    - destination:\n        host: myapp\n      weight: many\n"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(
      found[0],
      "mesh.yaml:10: error: VirtualService default/myapp: spec.http[0].route[0].weight: must be a whole "
      "number, is a string (many)");
}

TEST(Lists, HoldObjects) {
  const auto found = resources(
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: networking.istio.io/v1, kind: WorkloadEntry, "
      "metadata: {name: w, namespace: prod}, spec: {address: 127.0.0.1}}\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]->id(), "WorkloadEntry prod/w");
}

TEST(Versions, AreThree) {
  for (const char* version : {"v1", "v1beta1", "v1alpha3"}) {
    std::string yaml = destination_rule("");
    yaml.replace(yaml.find("/v1"), 3, std::string("/") + version);
    EXPECT_TRUE(findings_of(yaml).empty()) << version;
  }
}

}  // namespace
}  // namespace remora::istio::test
