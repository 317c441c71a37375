#include "kube/schema_text.h"

namespace remora::kube {

// Flagger's kinds, with the fields that are ours beside them: minSamples, noData, compare, mirrorGate.
std::string_view flagger_schemas() {
  return R"(
ObjectReference object -- Another object.
  apiVersion string -- Its API version.
  kind string -- Its kind.
  name! string -- Its name.
  namespace string -- Its namespace; where not given, the same.
NeighbourReference object -- Another object of the same namespace.
  apiVersion string -- Its API version.
  kind string -- Its kind.
  name! string -- Its name.
CustomMetadata object -- Metadata to add to an object that the rollout makes.
  labels map:string -- Labels.
  annotations map:string -- Annotations.
CanaryMetric object -- A measurement that must lie within its range at every check.
  name! string -- request-success-rate and request-duration are built in; others need a template or query.
  interval string -- The window that is looked at; 1m where not given.
  threshold number -- Deprecated: write thresholdRange.
  thresholdRange object -- What passes.
    min number -- At least this.
    max number -- At most this.
  query string -- Deprecated: write a MetricTemplate.
  templateRef @ObjectReference -- The MetricTemplate that says how to ask.
  templateVariables map:string -- Values for the template's query.
  minSamples int64 -- Remora: with fewer requests the check is inconclusive instead of passed or failed.
  noData enum:fail|inconclusive -- Remora: what no data at all means; fail where not given.
  compare object -- Remora: compares the canary with the primary by a sequential test.
    against enum:primary -- With whom.
    errorRate number -- Chance of a wrong verdict over the whole analysis; 0.01 where not given.
    margin number -- By how much the canary's share of bad requests may exceed the primary's.
CanaryWebhook object -- A question or a message to an HTTP service; up to 202 is a yes.
  type enum:rollout|pre-rollout|confirm-rollout|confirm-traffic-increase|confirm-promotion|post-rollout|rollback|event| -- When it is called; rollout (at every check) where not given.
  name! string -- For events and logs.
  url! string -- Where to POST to.
  timeout string -- Time for one call; 10s where not given.
  retries int -- Further calls after a failure.
  metadata map:string -- What to send along.
  muteAlert bool -- Whether its failures raise no alert.
  disableTLS bool -- Whether the server's certificate is not checked.
CanaryAlert object -- Who hears of the rollout's progress.
  name! string -- For logs.
  severity enum:info|warn|error -- The least severity that is sent.
  providerRef! @ObjectReference -- The AlertProvider.
SessionAffinity object -- Keeps a client on the version that it has met.
  cookieName string -- The cookie for the canary.
  primaryCookieName string -- The cookie for the primary; none where not given.
  maxAge int -- The cookie's life in seconds; 86400 where not given.
  domain string -- The cookie's Domain.
  path string -- The cookie's Path.
  sameSite string -- The cookie's SameSite.
  httpOnly bool -- The cookie's HttpOnly.
  secure bool -- The cookie's Secure.
  partitioned bool -- The cookie's Partitioned.
CanaryAnalysis object -- How a new version is tried.
  interval string -- Time between two checks; 60s where not given.
  threshold int -- After so many failed checks it is rolled back; 1 where not given.
  iterations int -- Number of checks, for A/B tests (with match) and blue/green rollouts.
  maxWeight int -- The canary's largest share of requests before promotion, in percent.
  stepWeight int -- By how much its share grows with each good check.
  stepWeights []int -- Its share after each good check, instead.
  stepWeightPromotion int -- By how much the promoted primary's share grows; all at once where not given.
  mirror bool -- Whether it first gets copies of requests only.
  mirrorWeight int -- Share of requests that are copied; all where not given.
  mirrorGate bool -- Remora: whether the copies' results must compare well with the primary's.
  match []@HTTPMatchRequest -- The requests of an A/B test.
  primaryReadyThreshold int -- Percent of the primary's instances that must be ready.
  canaryReadyThreshold int -- Percent of the canary's instances that must be ready.
  metrics []@CanaryMetric -- What is measured.
  webhooks []@CanaryWebhook -- Who is asked.
  alerts []@CanaryAlert -- Who is told.
  sessionAffinity @SessionAffinity -- Keeps clients on one version.
CanaryService object -- The service that is rolled out, and the routes to it.
  name string -- Its name; the target's where not given.
  port! int -- The port that clients use.
  portName string -- What the port is called; http where not given.
  targetPort int-or-string -- The workloads' port, by number or name.
  appProtocol string -- The port's protocol.
  portDiscovery bool -- Whether further ports of the workload are taken over. Has no effect here.
  headless bool -- Whether the services have no address of their own.
  trafficDistribution string -- Not implemented: all endpoints get traffic.
  timeout string -- Time for a whole exchange.
  backendTimeout string -- For other providers.
  gateways []string -- Where the routes hold; this build has the mesh only.
  gatewayRefs []any -- For other providers.
  hosts []string -- Further hosts that clients address.
  delegation bool -- Whether another VirtualService delegates to the canary's, which then has no hosts.
  trafficPolicy @TrafficPolicy -- How the hosts are reached.
  match []@HTTPMatchRequest -- The requests that the routes hold for.
  rewrite object -- A new path or authority.
    uri string -- The new path or prefix.
    authority string -- The new authority.
    type string -- For other providers.
  retries @HTTPRetry -- Further tries.
  headers @Headers -- Changes of header fields.
  mirror []any -- For other providers.
  corsPolicy @CorsPolicy -- Which pages of other origins may read the answers.
  meshName string -- For other providers.
  backends []string -- For other providers.
  apex @CustomMetadata -- Metadata of the service itself.
  primary @CustomMetadata -- Metadata of the primary's service.
  canary @CustomMetadata -- Metadata of the canary's service.
  unmanagedMetadata object -- Keys of metadata that others write and the rollout leaves alone.
    annotations []string -- Of annotations.
    labels []string -- Of labels.
Canary object -- How new versions of a workload are rolled out: step by step, judged by measurements.
  spec! object -- What its author wants.
    provider string -- Who steers traffic; istio is implemented.
    metricsServer string -- Address of a Prometheus; where not given, the proxies' own reports count.
    targetRef! @NeighbourReference -- The workload.
    autoscalerRef object -- On Kubernetes: the HorizontalPodAutoscaler of the workload.
      apiVersion string -- Its API version.
      kind string -- Its kind.
      name! string -- Its name.
      primaryScalerQueries map:string -- Queries for the primary's scaler.
      primaryScalerReplicas object -- Bounds for the primary's scaler.
        minReplicas int -- At least.
        maxReplicas int -- At most.
    ingressRef @NeighbourReference -- For other providers.
    routeRef @NeighbourReference -- For other providers.
    upstreamRef @ObjectReference -- For other providers.
    service! @CanaryService -- The service and its routes.
    analysis @CanaryAnalysis -- How a new version is tried.
    canaryAnalysis @CanaryAnalysis -- Deprecated spelling of analysis.
    progressDeadlineSeconds int -- Time for a version to become ready; 600 where not given.
    skipAnalysis bool -- Whether new versions are promoted at once.
    revertOnDeletion bool -- Whether deleting this object gives the original objects back.
    suspend bool -- Whether new versions are left alone.
  status object open -- How far the rollout is.
    phase string -- Initializing, Initialized, Waiting, Progressing, WaitingPromotion, Promoting, Finalising, Succeeded, Failed, Terminating or Terminated.
    failedChecks int -- Failed checks of this version so far.
    canaryWeight int -- The canary's present share of requests, in percent.
    iterations int -- Checks of this version so far.
    sessionAffinityCookie string -- The canary's present cookie.
    previousSessionAffinityCookie string -- The canary's cookie before.
    primarySessionAffinityCookie string -- The primary's present cookie.
    trackedConfigs map:string -- Hashes of configurations that belong to the version.
    lastAppliedSpec string -- Hash of the version that was last tried.
    lastPromotedSpec string -- Hash of the version that was last promoted.
    lastTransitionTime time -- When the phase last changed.
    conditions []@Condition -- Promoted tells the outcome.
MetricTemplate object -- How to ask a metrics server for a measurement.
  spec! object -- What its author wants.
    provider! object -- Whom to ask.
      type! string -- prometheus is implemented.
      address string -- Its URL.
      headers map:[]string -- Header fields to send along.
      secretRef @LocalObjectReference -- A Secret with credentials.
      region string -- For other providers.
      insecureSkipVerify bool -- Whether the server's certificate is not checked.
    query! string -- The query, a Go template with values of the canary.
  status object open -- How the control plane sees it.
    conditions []@Condition -- Aspects of its state.
AlertProvider object -- Where alerts go.
  spec! object -- What its author wants.
    type! enum:slack|msteams|discord|rocket|gchat -- The service's message format.
    channel string -- The channel.
    username string -- The sender's name.
    address string -- The URL to POST to.
    proxy string -- URL of an HTTP proxy that messages go through.
    secretRef @LocalObjectReference -- A Secret whose key "address" counts instead.
  status object open -- How the control plane sees it.
    conditions []@Condition -- Aspects of its state.
)";
}

}  // namespace remora::kube
