#include "kube/protobuf_messages.h"

#include <map>

namespace remora::kube {
namespace {

using Type = ProtobufField::Type;

ProtobufField text(uint32_t number, std::string_view name) { return {number, name, Type::kString}; }
ProtobufField texts(uint32_t number, std::string_view name) { return {number, name, Type::kString, true}; }
ProtobufField integer(uint32_t number, std::string_view name) { return {number, name, Type::kInteger}; }
ProtobufField set_integer(uint32_t number, std::string_view name) {
  return {number, name, Type::kInteger, false, true};
}
ProtobufField boolean(uint32_t number, std::string_view name) { return {number, name, Type::kBoolean}; }
ProtobufField set_boolean(uint32_t number, std::string_view name) {
  return {number, name, Type::kBoolean, false, true};
}
ProtobufField text_map(uint32_t number, std::string_view name) { return {number, name, Type::kTextMap}; }
ProtobufField bytes_map(uint32_t number, std::string_view name) { return {number, name, Type::kBytesMap}; }
ProtobufField ignored(uint32_t number, std::string_view name) { return {number, name, Type::kIgnored}; }
ProtobufField one(uint32_t number, std::string_view name, const ProtobufMessage& message) {
  return {number, name, Type::kMessage, false, false, &message};
}
ProtobufField many(uint32_t number, std::string_view name, const ProtobufMessage& message) {
  return {number, name, Type::kMessage, true, false, &message};
}

const ProtobufMessage& object_meta() {
  static const ProtobufMessage kMessage{{text(1, "name"), text(2, "generateName"), text(3, "namespace"),
                                         ignored(4, "selfLink"), ignored(5, "uid"),
                                         text(6, "resourceVersion"), ignored(7, "generation"),
                                         ignored(8, "creationTimestamp"), text_map(11, "labels"),
                                         text_map(12, "annotations"), texts(14, "finalizers")}};
  return kMessage;
}

const ProtobufMessage& name_space() {
  static const ProtobufMessage kSpec{{texts(1, "finalizers")}};
  static const ProtobufMessage kMessage{
      {one(1, "metadata", object_meta()), one(2, "spec", kSpec), ignored(3, "status")}};
  return kMessage;
}

const ProtobufMessage& config_map() {
  static const ProtobufMessage kMessage{{one(1, "metadata", object_meta()), text_map(2, "data"),
                                         bytes_map(3, "binaryData"), set_boolean(4, "immutable")}};
  return kMessage;
}

const ProtobufMessage& secret() {
  static const ProtobufMessage kMessage{{one(1, "metadata", object_meta()), bytes_map(2, "data"),
                                         text(3, "type"), text_map(4, "stringData"),
                                         set_boolean(5, "immutable")}};
  return kMessage;
}

const ProtobufMessage& service() {
  static const ProtobufMessage kPort{{text(1, "name"),
                                      text(2, "protocol"),
                                      integer(3, "port"),
                                      {4, "targetPort", Type::kIntOrString},
                                      integer(5, "nodePort"),
                                      text(6, "appProtocol")}};
  static const ProtobufMessage kSpec{
      {many(1, "ports", kPort), text_map(2, "selector"), text(3, "clusterIP"), text(4, "type"),
       texts(5, "externalIPs"), text(7, "sessionAffinity"), text(8, "loadBalancerIP"),
       texts(9, "loadBalancerSourceRanges"), text(10, "externalName"), text(11, "externalTrafficPolicy"),
       integer(12, "healthCheckNodePort"), boolean(13, "publishNotReadyAddresses"),
       text(17, "ipFamilyPolicy"), texts(18, "clusterIPs"), texts(19, "ipFamilies"),
       set_boolean(20, "allocateLoadBalancerNodePorts"), text(21, "loadBalancerClass"),
       text(22, "internalTrafficPolicy"), text(23, "trafficDistribution")}};
  static const ProtobufMessage kMessage{
      {one(1, "metadata", object_meta()), one(2, "spec", kSpec), ignored(3, "status")}};
  return kMessage;
}

const ProtobufMessage& pod_template() {
  static const ProtobufMessage kVariable{{text(1, "name"), text(2, "value")}};
  static const ProtobufMessage kPort{{text(1, "name"), integer(2, "hostPort"), integer(3, "containerPort"),
                                      text(4, "protocol"), text(5, "hostIP")}};
  static const ProtobufMessage kContainer{{text(1, "name"), text(2, "image"), texts(3, "command"),
                                           texts(4, "args"), text(5, "workingDir"), many(6, "ports", kPort),
                                           many(7, "env", kVariable), text(14, "imagePullPolicy")}};
  static const ProtobufMessage kSpec{{many(2, "containers", kContainer), text(3, "restartPolicy"),
                                      text(6, "dnsPolicy"), text_map(7, "nodeSelector"),
                                      text(8, "serviceAccountName"), many(20, "initContainers", kContainer)}};
  static const ProtobufMessage kMessage{{one(1, "metadata", object_meta()), one(2, "spec", kSpec)}};
  return kMessage;
}

const ProtobufMessage& deployment() {
  static const ProtobufMessage kSelector{{text_map(1, "matchLabels")}};
  static const ProtobufMessage kStrategy{{text(1, "type")}};
  static const ProtobufMessage kSpec{{set_integer(1, "replicas"), one(2, "selector", kSelector),
                                      one(3, "template", pod_template()), one(4, "strategy", kStrategy),
                                      integer(5, "minReadySeconds"), set_integer(6, "revisionHistoryLimit"),
                                      boolean(7, "paused"), set_integer(9, "progressDeadlineSeconds")}};
  static const ProtobufMessage kMessage{
      {one(1, "metadata", object_meta()), one(2, "spec", kSpec), ignored(3, "status")}};
  return kMessage;
}

const ProtobufMessage& delete_options() {
  static const ProtobufMessage kPreconditions{{text(1, "uid"), text(2, "resourceVersion")}};
  static const ProtobufMessage kMessage{{set_integer(1, "gracePeriodSeconds"),
                                         one(2, "preconditions", kPreconditions),
                                         text(4, "propagationPolicy"), texts(5, "dryRun")}};
  return kMessage;
}

}  // namespace

const ProtobufMessage* protobuf_message(std::string_view kind) {
  static const std::map<std::string_view, const ProtobufMessage*> kMessages{
      {"Namespace", &name_space()}, {"ConfigMap", &config_map()},  {"Secret", &secret()},
      {"Service", &service()},      {"Deployment", &deployment()}, {"DeleteOptions", &delete_options()}};
  const auto found = kMessages.find(kind);
  return found == kMessages.end() ? nullptr : found->second;
}

}  // namespace remora::kube
