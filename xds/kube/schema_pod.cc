#include "kube/schema_text.h"

namespace remora::kube {

// Deployments, with their pods. The mesh looks at labels and container ports only; the rest is described as
// far as merging needs its structure, and else taken as it is.
std::string_view pod_schemas() {
  return R"(
KeySelector object atomic -- One entry of a ConfigMap or Secret.
  name string -- The object's name.
  key! string -- The entry.
  optional bool -- Whether it may be missing.
EnvVar object -- An environment variable.
  name! string -- Its name.
  value string -- Its value; $(NAME) stands for other variables.
  valueFrom object -- Where the value comes from instead.
    configMapKeyRef @KeySelector -- A ConfigMap.
    secretKeyRef @KeySelector -- A Secret.
    fieldRef object atomic -- A field of the pod.
      apiVersion string -- The schema of the path.
      fieldPath! string -- The field's path.
    resourceFieldRef object atomic -- A limit or request of a container.
      containerName string -- The container.
      resource! string -- The resource.
      divisor any -- The unit.
    fileKeyRef any -- A file.
Probe object open -- How a container's state is found out.
  exec any -- By a command.
  httpGet any -- By an HTTP request.
  tcpSocket any -- By a connection.
  grpc any -- By a gRPC health check.
  initialDelaySeconds int -- Time before the first look.
  periodSeconds int -- Time between looks.
  timeoutSeconds int -- Time for one look.
  successThreshold int -- Good looks in a row to be well.
  failureThreshold int -- Bad looks in a row to be ill.
  terminationGracePeriodSeconds int64 -- Time to shut down after failure.
Resources object -- What a container may use.
  limits map:any -- At most.
  requests map:any -- At least.
  claims []any keys=name -- Claimed devices.
Container object -- A program that runs in the pod.
  name! string -- Unique in the pod.
  image string -- What is run.
  imagePullPolicy string -- Always, IfNotPresent or Never.
  command []string -- Instead of the image's entry point.
  args []string -- Arguments.
  workingDir string -- Where it starts.
  ports []object keys=containerPort,protocol -- Ports that it listens on.
    name string -- For targetPort of services.
    containerPort! int -- The number.
    protocol string default=TCP -- TCP, UDP or SCTP.
    hostPort int -- The port on the host.
    hostIP string -- The address on the host.
  env []@EnvVar keys=name -- Environment variables.
  envFrom []any -- Variables from whole objects.
  resources @Resources -- What it may use.
  resizePolicy []any -- What resizing needs.
  restartPolicy string -- For init containers: Always makes a sidecar.
  restartPolicyRules []any -- When exits restart it.
  volumeMounts []object keys=mountPath -- Volumes that it sees.
    name! string -- The volume.
    mountPath! string -- Where it sees it.
    subPath string -- Which part of it.
    subPathExpr string -- The same, with variables.
    readOnly bool -- Whether it cannot write.
    recursiveReadOnly string -- The same for what is mounted below.
    mountPropagation string -- Whether mounts are passed on.
  volumeDevices []object keys=devicePath -- Block devices that it sees.
    name! string -- The volume.
    devicePath! string -- Where it sees it.
  livenessProbe @Probe -- Whether it must be restarted.
  readinessProbe @Probe -- Whether it gets traffic.
  startupProbe @Probe -- Whether it has started.
  lifecycle any -- What to do after start and before stop.
  securityContext any -- What it is allowed to do.
  stdin bool -- Whether it has an input.
  stdinOnce bool -- Whether the input closes after its first client.
  tty bool -- Whether it has a terminal.
  terminationMessagePath string -- Where its last words are.
  terminationMessagePolicy string -- Which these are.
  targetContainerName string -- For ephemeral containers: whose processes it sees.
Toleration object -- A taint that the pod bears.
  key string -- The taint.
  operator string -- Exists or Equal.
  value string -- Its value.
  effect string -- Its effect.
  tolerationSeconds int64 -- For how long.
PodSpec object -- What runs together on one host.
  containers! []@Container keys=name -- The programs.
  initContainers []@Container keys=name -- Programs that run before them.
  ephemeralContainers []@Container keys=name -- Programs that join for a while.
  volumes []object keys=name retain -- Storage. Exactly one kind of source each.
    name! string -- What mounts call it.
    configMap any -- A ConfigMap's entries as files.
    secret any -- A Secret's entries as files.
    emptyDir any -- A directory that goes with the pod.
    hostPath any -- A directory of the host.
    persistentVolumeClaim any -- Storage that stays.
    projected any -- Several sources in one directory.
    downwardAPI any -- The pod's own fields as files.
    ephemeral any -- Storage made for the pod.
    csi any -- Storage of a driver.
    nfs any -- A share in the network.
    iscsi any -- A block device in the network.
    fc any -- A Fibre Channel device.
    image any -- Files of an image.
    rbd any -- A Ceph device.
    cephfs any -- A Ceph file system.
    glusterfs any -- A Gluster volume.
    flexVolume any -- A driver of the old kind.
    gitRepo any -- A repository's files.
    awsElasticBlockStore any -- A disk of a provider.
    azureDisk any -- A disk of a provider.
    azureFile any -- A share of a provider.
    cinder any -- A disk of a provider.
    gcePersistentDisk any -- A disk of a provider.
    photonPersistentDisk any -- A disk of a provider.
    vsphereVolume any -- A disk of a provider.
    portworxVolume any -- A disk of a provider.
    quobyte any -- A share of a provider.
    scaleIO any -- A disk of a provider.
    storageos any -- A disk of a provider.
    flocker any -- A disk of a provider.
  restartPolicy string -- Always, OnFailure or Never.
  terminationGracePeriodSeconds int64 -- Time to shut down.
  activeDeadlineSeconds int64 -- Time that the pod may run.
  dnsPolicy string -- How names are resolved.
  dnsConfig any -- Further settings of that.
  nodeSelector map:string atomic -- Labels of nodes to run on.
  nodeName string -- The node to run on.
  serviceAccountName string -- The identity that the pod runs as.
  serviceAccount string -- Deprecated spelling of serviceAccountName.
  automountServiceAccountToken bool -- Whether its token is mounted.
  hostNetwork bool -- Whether it uses the host's network.
  hostPID bool -- Whether it sees the host's processes.
  hostIPC bool -- Whether it sees the host's IPC.
  hostUsers bool -- Whether it uses the host's user ids.
  hostname string -- Its host name.
  hostnameOverride string -- Its host name, without a domain.
  subdomain string -- The domain of its host name.
  setHostnameAsFQDN bool -- Whether the host name has its domain.
  shareProcessNamespace bool -- Whether its containers see one another's processes.
  securityContext any -- What all containers are allowed to do.
  imagePullSecrets []@LocalObjectReference keys=name -- Credentials for images.
  affinity any -- Which nodes it prefers.
  schedulerName string -- Who places it.
  schedulingGates []object keys=name -- What must happen before it is placed.
    name! string -- The gate.
  tolerations []@Toleration -- Taints that it bears.
  hostAliases []object keys=ip -- Entries for its hosts file.
    ip! string -- The address.
    hostnames []string -- Its names.
  priorityClassName string -- How important it is.
  priority int -- The same as a number.
  preemptionPolicy string -- Whether it may displace others.
  readinessGates []any -- Further conditions of readiness.
  runtimeClassName string -- What runs it.
  enableServiceLinks bool -- Whether services become variables.
  overhead map:any -- What running it costs.
  topologySpreadConstraints []object keys=topologyKey,whenUnsatisfiable -- How pods spread.
    topologyKey! string -- The label that makes a domain.
    whenUnsatisfiable! string -- DoNotSchedule or ScheduleAnyway.
    maxSkew! int -- How uneven they may be.
    minDomains int -- Least number of domains.
    labelSelector @LabelSelector -- The pods that count.
    matchLabelKeys []string -- Labels that must agree.
    nodeAffinityPolicy string -- Whether nodeAffinity counts.
    nodeTaintsPolicy string -- Whether taints count.
  os any -- The operating system.
  resources @Resources -- What all containers may use together.
  resourceClaims []any keys=name -- Claimed devices.
  workloadRef any -- The group of pods that it is placed with.
Deployment object -- A workload: some pods of the same kind.
  spec object -- What its author wants.
    replicas int -- How many pods; 1 where not given.
    selector! @LabelSelector -- The pods that belong to it.
    template! object -- What each pod is.
      metadata @ObjectMeta -- The pods' labels and annotations.
      spec @PodSpec -- What runs in them.
    strategy object retain -- How pods are replaced.
      type string -- RollingUpdate or Recreate.
      rollingUpdate object -- Settings of RollingUpdate.
        maxSurge int-or-string -- Pods above the number, or percent.
        maxUnavailable int-or-string -- Pods below the number, or percent.
    minReadySeconds int -- Time to be ready before a pod counts.
    revisionHistoryLimit int -- Old versions to remember.
    paused bool -- Whether changes wait.
    progressDeadlineSeconds int -- Time for a change to progress.
  status object open -- How far it is.
    observedGeneration int64 -- The generation that this is about.
    replicas int -- Pods.
    updatedReplicas int -- Pods of the present version.
    readyReplicas int -- Pods that are ready.
    availableReplicas int -- Pods that have been ready for a while.
    unavailableReplicas int -- Pods that are missing.
    terminatingReplicas int -- Pods that are going.
    collisionCount int -- Hash collisions.
    conditions []@Condition keys=type -- Aspects of its state.
)";
}

}  // namespace remora::kube
