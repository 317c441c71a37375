#include "kube/schema_text.h"

namespace remora::kube {

// What xds/istio reads, and what it refuses by name: the latter is part of the schema too, so that the
// refusal can say what is not implemented.
std::string_view istio_schemas() {
  return R"(
IstioStatus object open -- How the control plane sees this object.
  conditions []@Condition -- Aspects of its state.
  validationMessages []any -- Findings about it.
  observedGeneration int64 -- The generation that this status is about.
PortSelector object -- A port by its number.
  number int -- 1 to 65535.
Destination object -- A service, or one of its versions.
  host! string -- The service's name; without a dot, one of the rule's own namespace.
  subset string -- A subset that a DestinationRule for the host defines.
  port @PortSelector -- Which port, where the service has several.
StringMatch object -- A condition on a text: exactly one of these.
  exact string -- The whole text.
  prefix string -- What it begins with.
  regex string -- A regular expression (RE2) for the whole text.
Percent object -- A share of requests.
  value number -- 0 to 100.
HeaderOperations object -- Changes of header fields.
  set map:string -- Fields to overwrite.
  add map:string -- Fields to append.
  remove []string -- Fields to take away.
Headers object -- Changes of header fields on the way in and out.
  request @HeaderOperations -- Before the request is forwarded.
  response @HeaderOperations -- Before the response is returned.
HTTPMatchRequest object -- A rule for requests; all its conditions must hold.
  name string -- For logs.
  uri @StringMatch -- Of the path, without the query.
  scheme @StringMatch -- http or https.
  method @StringMatch -- The request's method.
  authority @StringMatch -- The Host field.
  headers map:@StringMatch -- By field name, in lower case, or claim (@request.auth.claims[name]); an empty condition asks for presence.
  withoutHeaders map:@StringMatch -- Fields that must not match.
  queryParams map:@StringMatch -- By the parameter's name.
  ignoreUriCase bool -- Whether uri's exact and prefix disregard case.
  port int -- The port that the client addressed.
  sourceLabels map:string -- Labels of the calling workload.
  sourceNamespace string -- Namespace of the calling workload.
  gateways []string -- At which of them the rule holds; mesh means sidecars.
  statPrefix string -- Accepted; has no effect.
HTTPRewrite object -- A new path or authority.
  uri string -- Replaces the path, or the prefix that matched.
  authority string -- Replaces the Host field.
  uriRegexRewrite object -- Replaces by regular expression.
    match string -- The expression (RE2).
    rewrite string -- Its replacement, with \1 for the first group.
HTTPRetry object -- When and how often to try again.
  attempts int -- Tries after the first.
  perTryTimeout string -- Time for one try.
  retryOn string -- Conditions, as Envoy names them, with commas between.
  retryRemoteLocalities bool -- Whether further tries leave the localities that were tried.
  retryIgnorePreviousHosts bool -- Whether a further try avoids hosts that were tried.
  backoff string -- Least time between tries.
CorsPolicy object -- Which other origins may call.
  allowOrigin []string -- Deprecated spelling of allowOrigins.
  allowOrigins []@StringMatch -- Origins that may call.
  allowMethods []string -- Methods that they may use.
  allowHeaders []string -- Header fields that they may send.
  exposeHeaders []string -- Header fields that they may see.
  maxAge string -- How long a preflight answer holds, in whole seconds.
  allowCredentials bool -- Whether credentials may come along.
  unmatchedPreflights enum:UNSPECIFIED|FORWARD|IGNORE -- What becomes of other origins' preflight requests.
HTTPFaultInjection object -- Trouble made on purpose: a delay, an abort or both.
  delay object -- Lets requests wait.
    fixedDelay string -- How long.
    percentage @Percent -- How many requests; none where not given.
    percent int -- Deprecated: write percentage.
    exponentialDelay string -- Not implemented; refused.
  abort object -- Answers requests without asking anybody.
    httpStatus int -- With this status,
    grpcStatus string -- or with this one of gRPC, by its name.
    percentage @Percent -- How many requests; none where not given.
    percent int -- Deprecated: write percentage.
    http2Error string -- Not implemented; refused.
HTTPRoute object -- What happens to requests that match.
  name string -- For logs and statistics.
  match []@HTTPMatchRequest -- Conditions, of which one must hold; none means every request.
  route []object -- Where requests go, shared out by weight.
    destination! @Destination -- The service.
    weight int -- Its share. A single destination needs none.
    headers @Headers -- Changes for requests that go there.
  redirect object -- Sends the client elsewhere.
    uri string -- The new path.
    authority string -- The new authority.
    port int -- The new port.
    derivePort enum:FROM_PROTOCOL_DEFAULT|FROM_REQUEST_PORT -- Where the new port comes from.
    scheme string -- The new scheme.
    redirectCode int -- 301 where not given.
  directResponse object -- Answers without asking anybody.
    status! int -- The status code.
    body object -- What it says.
      string string -- As text.
      bytes string -- As bytes, in base64.
  delegate object -- Leaves these requests to the routes of another VirtualService, which has no hosts.
    name string -- Its name.
    namespace string -- Its namespace; this one's where not given.
  rewrite @HTTPRewrite -- Changes path or authority before forwarding.
  timeout string -- Time for the whole exchange, with all tries. None where not given.
  retries @HTTPRetry -- Further tries.
  fault @HTTPFaultInjection -- Trouble made on purpose, for a share of the requests.
  mirror @Destination -- Who gets a copy of the requests.
  mirrors []object -- Several who get copies.
    destination! @Destination -- Who.
    percentage @Percent -- Of how many requests; all where not given.
  mirrorPercent int -- Deprecated: write mirrorPercentage.
  mirrorPercentage @Percent -- Of how many requests; all where not given.
  corsPolicy @CorsPolicy -- Which pages of other origins may read the answers.
  headers @Headers -- Changes for every destination.
L4MatchAttributes object -- A rule for connections; all its conditions must hold.
  destinationSubnets []string -- Addresses and ranges that they go to; needs interception.
  port int -- The port that they go to.
  sourceLabels map:string -- Labels of the workload that they come from.
  sourceNamespace string -- The namespace that they come from.
  gateways []string -- Where the rule holds.
  sourceSubnet string -- Address or range of the clients.
TLSMatchAttributes object -- The same, and the name that the TLS client asks for.
  sniHosts! []string -- Names; also *.SUFFIX.
  destinationSubnets []string -- Addresses and ranges that they go to; needs interception.
  port int -- The port that they go to.
  sourceLabels map:string -- Labels of the workload that they come from.
  sourceNamespace string -- The namespace that they come from.
  gateways []string -- Where the rule holds.
  sourceSubnet string -- Address or range of the clients.
L4RouteDestination object -- Where connections go.
  destination! @Destination -- The service, or one of its versions.
  weight int -- Its share, where there are several.
TLSRoute object -- Where TLS connections go that match.
  match! []@TLSMatchAttributes -- Conditions, of which one must hold.
  route []@L4RouteDestination -- Destinations and their shares.
TCPRoute object -- Where connections go that match.
  match []@L4MatchAttributes -- Conditions, of which one must hold; none means every connection.
  route []@L4RouteDestination -- Destinations and their shares.
VirtualService object -- How requests for some hosts are routed.
  spec! object -- What its author wants.
    hosts []string -- The hosts that clients address; none where other VirtualServices delegate to this one.
    gateways []string -- Where the rules hold: mesh (sidecars), or Gateways as NAME or NAMESPACE/NAME; mesh where not given.
    http []@HTTPRoute -- Rules for HTTP, in order: the first that matches counts.
    tls []@TLSRoute -- Rules for ports that say TLS or HTTPS, by the name that clients ask for.
    tcp []@TCPRoute -- Rules for other ports that are not HTTP, in order.
    exportTo []string -- The namespaces that see this object: "." (its own), "*" (all) or names.
  status @IstioStatus -- How the control plane sees it.
LoadBalancerSettings object -- How a host is picked.
  simple enum:UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|LEAST_REQUEST -- The method.
  consistentHash object -- The host is picked by what a request says, the same one each time.
    httpHeaderName string -- Hashed: this header.
    httpCookie object -- Hashed: this cookie.
      name! string -- Its name.
      path string -- Its path, where the proxy makes it.
      ttl string -- How long clients keep it; where this is given, clients without it get one. 0s: for a session.
      attributes []object -- Further attributes, where the proxy makes it.
        name! string -- Such as SameSite.
        value string -- Its value; none for a flag.
    useSourceIp bool -- Hashed: the client's address.
    httpQueryParameterName string -- Hashed: this parameter of the query.
    ringHash object -- Hosts are points on a ring. This is the default.
      minimumRingSize int64 -- Least number of points; 1024 where not given.
    maglev object -- Hosts share a table.
      tableSize! int64 -- Its entries, a prime below 5000011.
    minimumRingSize int64 -- Deprecated, as ringHash.minimumRingSize.
  localityLbSetting object -- Which localities' hosts are preferred.
    enabled bool -- False: none, whatever else is said.
    distribute []object -- Where requests of a locality's clients go.
      from string -- The clients' locality, REGION/ZONE/SUBZONE; * is any.
      to map:int -- Localities, and their parts in percent.
    failover []object -- With outlierDetection: which region takes over.
      from string -- The region whose hosts fail.
      to string -- The region that is used then.
    failoverPriority []string -- With outlierDetection: labels, the weightiest first, that near hosts share with the client.
  warmup object -- A new host gets its share by and by.
    duration! string -- Until it has all of it.
    minimumPercent number -- What it has at the beginning; 10 where not given.
    aggression number -- Above 1: more of it early.
  warmupDurationSecs string -- Deprecated, as warmup.duration.
ConnectionPoolSettings object -- Limits of connections and requests.
  tcp object -- Of connections.
    maxConnections int -- Most connections to the service.
    connectTimeout string -- Time to connect; 10s where not given.
    tcpKeepalive object -- Asks of idle connections, whether the other side is still there.
      probes int -- After so many without an answer it is not.
      time string -- Idle time before the first, whole seconds.
      interval string -- Time between two, whole seconds.
    maxConnectionDuration string -- How old a connection becomes at most.
    idleTimeout string -- How long a connection of TCP traffic may carry nothing.
  http object -- Of requests.
    http1MaxPendingRequests int -- Most requests that wait for a connection.
    http2MaxRequests int -- Most requests at once.
    maxRequestsPerConnection int -- After so many a connection closes; 0 is no limit.
    maxRetries int -- Most retries at once.
    idleTimeout string -- How long an idle connection is kept.
    h2UpgradePolicy enum:DEFAULT|DO_NOT_UPGRADE|UPGRADE -- UPGRADE: the hosts are spoken to in HTTP/2.
    useClientProtocol bool -- Whether the hosts are spoken to as the client speaks.
    maxConcurrentStreams int -- Most requests at once on one HTTP/2 connection.
    http2KeepAlive any -- Not implemented.
OutlierDetection object -- When a failing host is left out for a while.
  consecutiveErrors int -- Deprecated: write consecutiveGatewayErrors.
  consecutive5xxErrors int -- 5xx answers in a row.
  consecutiveGatewayErrors int -- 502, 503 and 504 answers in a row.
  consecutiveLocalOriginFailures int -- Failed connections in a row.
  splitExternalLocalOriginErrors bool -- Whether the latter are counted apart.
  interval string -- Time between two looks at all hosts.
  baseEjectionTime string -- How long a host is left out at first.
  maxEjectionPercent int -- Most hosts that are out at once.
  minHealthPercent int -- Below so many good hosts, nobody is left out.
ClientTLSSettings object -- How connections are encrypted.
  mode enum:DISABLE|SIMPLE|MUTUAL|ISTIO_MUTUAL -- Not; TLS; with a client certificate; with that of the mesh.
  clientCertificate string -- MUTUAL: a file of the proxy (PEM).
  privateKey string -- MUTUAL: a file of the proxy (PEM).
  caCertificates string -- A file of the proxy (PEM): who may have signed the server's certificate; the system's where not given.
  credentialName string -- Not implemented; refused.
  subjectAltNames []string -- Names, of which the server's certificate must have one.
  sni string -- The name that is asked for; the request's host where not given.
  insecureSkipVerify bool -- Whether any certificate is good enough.
  caCrl string -- A file of the proxy (PEM): which certificates of caCertificates are revoked.
TrafficPolicy object -- How traffic reaches a service's hosts.
  loadBalancer @LoadBalancerSettings -- How a host is picked.
  connectionPool @ConnectionPoolSettings -- Limits.
  outlierDetection @OutlierDetection -- When a failing host is left out.
  tls @ClientTLSSettings -- How connections are encrypted.
  portLevelSettings []object -- The same for single ports; they replace the settings above.
    port @PortSelector -- The port.
    loadBalancer @LoadBalancerSettings -- How a host is picked.
    connectionPool @ConnectionPoolSettings -- Limits.
    outlierDetection @OutlierDetection -- When a failing host is left out.
    tls @ClientTLSSettings -- How connections are encrypted.
  tunnel any -- Not implemented; refused.
  proxyProtocol any -- Not implemented; refused.
  retryBudget object -- Retries under way, as a share of the requests under way.
    percent number -- The share; 20 where not given.
    minRetryConcurrency int -- So many at once are always allowed; 3 where not given.
DestinationRule object -- A service's versions, and how traffic reaches them.
  spec! object -- What its author wants.
    host! string -- The service; may begin with *.
    trafficPolicy @TrafficPolicy -- How its hosts are reached.
    subsets []object -- Its versions.
      name! string -- What routes call it.
      labels map:string -- Labels that its workloads have.
      trafficPolicy @TrafficPolicy -- Overrides for this version.
    exportTo []string -- The namespaces that see this object.
    workloadSelector any -- Not implemented; refused.
  status @IstioStatus -- How the control plane sees it.
WorkloadSpec object -- One instance of a service.
  address string -- Its IP address.
  ports map:int -- Port numbers by the names that the service gives them.
  labels map:string -- Its labels.
  network string -- Not implemented; refused.
  locality string -- Where it runs: region/zone/subzone.
  weight int -- Its share of requests, 1 to 128.
  serviceAccount string -- The identity that it runs as.
WorkloadEntry object -- A workload that runs outside of Kubernetes.
  spec! @WorkloadSpec -- What its author wants.
  status @IstioStatus -- How the control plane sees it.
ServiceEntry object -- A service that is not one of Kubernetes.
  spec! object -- What its author wants.
    hosts! []string -- The names that clients use.
    addresses []string -- IP addresses of the service.
    ports []object keys=name -- Its ports.
      number! int -- The port that clients use.
      protocol string -- HTTP, ...; where not given, the name's beginning says it.
      name! string -- What endpoints and rules call it.
      targetPort int -- The port of the endpoints, where it differs.
    location enum:MESH_EXTERNAL|MESH_INTERNAL -- Whether the service is part of the mesh.
    resolution enum:NONE|STATIC|DNS|DNS_ROUND_ROBIN -- How endpoints are found.
    endpoints []@WorkloadSpec -- Its instances.
    workloadSelector object -- Picks WorkloadEntries instead.
      labels map:string -- Labels that they have.
    exportTo []string -- The namespaces that see this object.
    subjectAltNames []string -- Names, of which the hosts' TLS certificates must have one.
  status @IstioStatus -- How the control plane sees it.
MutualTLS object -- Whether clients must come over mutual TLS.
  mode enum:UNSET|DISABLE|PERMISSIVE|STRICT -- As the wider policy says; never; as they like; always.
ServerTLS object -- TLS between clients and a gateway.
  mode enum:PASSTHROUGH|SIMPLE|MUTUAL|AUTO_PASSTHROUGH|ISTIO_MUTUAL|OPTIONAL_MUTUAL -- Whose certificates; AUTO_PASSTHROUGH is refused.
  httpsRedirect bool -- Whether plain requests are sent to https.
  credentialName string -- The Secret with certificate and key, in the namespace of the gateway's proxies.
  serverCertificate string -- Or a file of the proxy with the certificate,
  privateKey string -- one with its key,
  caCertificates string -- and one with whom to trust.
  subjectAltNames []string -- Names, of which a client's certificate must have one.
  minProtocolVersion enum:TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3 -- TLSV1_2 where not given.
  maxProtocolVersion enum:TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3 -- TLSV1_3 where not given.
  cipherSuites []string -- For TLS 1.2 and before.
  caCrl string -- Not implemented; refused.
  caCertCredentialName string -- Not implemented; refused.
  credentialNames []string -- Not implemented; refused.
  tlsCertificates []any -- Not implemented; refused.
  verifyCertificateSpki []string -- Not implemented; refused.
  verifyCertificateHash []string -- Not implemented; refused.
Gateway object -- Ports at which proxies at the mesh's edge take traffic in.
  spec! object -- What its author wants.
    selector map:string -- Labels of the proxies.
    servers []object -- Their ports, each for some hosts.
      port! object -- Where to listen.
        number! int -- 1 to 65535; of the gateway's Service, where it has one.
        protocol! string -- HTTP, HTTPS, HTTP2, GRPC, TLS or TCP.
        name! string -- What the port is called.
        targetPort int -- Has no effect.
      bind string -- The address; all where not given.
      hosts! []string -- HOST or NAMESPACE/HOST; . is the Gateway's own namespace, * any.
      tls @ServerTLS -- For HTTPS and TLS; for HTTP only httpsRedirect.
      defaultEndpoint string -- Not implemented; refused.
      name string -- What the server is called.
  status @IstioStatus -- How the control plane sees it.
Sidecar object -- What workloads know of the mesh, and may reach besides.
  spec! object -- What its author wants.
    workloadSelector object -- For which workloads; all of the namespace where not given.
      labels map:string -- Labels that they have.
    egress []object -- What they call; everything where not given.
      hosts! []string -- NAMESPACE/HOST; . is the own namespace, * any.
      captureMode enum:DEFAULT|IPTABLES|NONE -- How connections are captured; NONE is refused.
      port any -- Not implemented; refused.
      bind string -- Not implemented; refused.
    outboundTrafficPolicy object -- What becomes of traffic to hosts that the mesh does not know.
      mode enum:ALLOW_ANY|REGISTRY_ONLY -- It goes where it was going, or is refused.
      egressProxy any -- Not implemented; refused.
    ingress []object -- The ports on which they take connections; those of their services where not given.
      port! object -- The port, and how it is read.
        number! int -- 1 to 65535.
        name string -- What it is called.
        protocol string -- HTTP, HTTPS, HTTP2, GRPC, TLS, TCP, ...; by the name where not given.
        targetPort int -- Has no effect.
      bind string -- An IP address that the port's own listener has.
      captureMode enum:DEFAULT|IPTABLES|NONE -- NONE where clients connect to the port itself.
      defaultEndpoint string -- Where it leads: 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT (the workload's address) or unix:///PATH.
      connectionPool @ConnectionPoolSettings -- Limits of the port.
      tls any -- Not implemented; refused.
    inboundConnectionPool @ConnectionPoolSettings -- Limits of all ports.
  status @IstioStatus -- How the control plane sees it.
PeerAuthentication object -- What workloads take from their clients.
  spec! object -- What its author wants.
    selector object -- For which workloads; for the namespace where not given, or the mesh in the root namespace.
      matchLabels! map:string -- Labels that they have.
    mtls @MutualTLS -- For all ports.
    portLevelMtls map:@MutualTLS -- For single ports of the workload, by number.
  status @IstioStatus -- How the control plane sees it.
RequestAuthentication object -- Whose tokens workloads know: one that a request brings must be good.
  spec! object -- What its author wants.
    selector object -- For which workloads; for the namespace where not given, or the mesh in the root namespace.
      matchLabels! map:string -- Labels that they have.
    targetRef any -- Not implemented; refused.
    targetRefs []any -- Not implemented; refused.
    jwtRules []object -- One for each issuer.
      issuer! string -- Who signs the tokens, as they say it.
      audiences []string -- Whom a token may be for; whomever where not given.
      jwks string -- The issuer's keys, as a JSON Web Key Set.
      jwksUri string -- Where the keys are; a host that the mesh knows.
      fromHeaders []object -- Where tokens stand; Authorization with Bearer where no place is given.
        name! string -- The field's name.
        prefix string -- What stands before the token.
      fromParams []string -- Parameters of the query that may hold one.
      fromCookies []string -- Cookies that may hold one.
      outputPayloadToHeader string -- The field in which the application finds the claims, encoded.
      outputClaimToHeaders []object -- Single claims for the application.
        header! string -- The field's name.
        claim! string -- The claim; a dot leads into one.
      spaceDelimitedClaims []string -- Claims that are lists of words, beside scope and permission.
      forwardOriginalToken bool -- Whether the application gets the token itself.
      timeout string -- Of fetching the keys; 5s where not given.
  status @IstioStatus -- How the control plane sees it.
)";
}

}  // namespace remora::kube
