#include "kube/schema_text.h"

namespace remora::kube {

std::string_view metadata_schemas() {
  return R"(
OwnerReference object -- Another object without which this one has no purpose.
  apiVersion! string -- API version of the owner.
  kind! string -- Kind of the owner.
  name! string -- Name of the owner.
  uid! string -- UID of the owner.
  controller bool -- Whether the owner manages this object.
  blockOwnerDeletion bool -- Whether the owner's removal in the foreground waits for this object.
ManagedFieldsEntry object -- The fields that one writer is responsible for.
  manager string -- The writer's name.
  operation string -- How it writes: Apply (server-side apply) or Update (everything else).
  apiVersion string -- The API version that the field set is written in.
  time time -- When the writer last changed its set of fields.
  fieldsType string -- Format of fieldsV1; FieldsV1 is the only one.
  fieldsV1 any -- The set of fields, as nested maps.
  subresource string -- The subresource through which it writes; empty is the main resource.
ObjectMeta object -- Who an object is, and what the API server notes about it.
  name string -- Unique among objects of this kind in its namespace. Cannot be changed.
  generateName string -- Beginning of a name that the server completes, where name is empty.
  namespace string -- The namespace that the object lives in. Cannot be changed.
  labels map:string -- Keys and values that selectors look at.
  annotations map:string -- Keys and values for tools; selectors do not see them.
  uid string -- Identity over time: a new object of the same name has another one. Set by the server.
  resourceVersion string -- Changes with every write. Given in an update, it must be the present one.
  generation int64 -- Counts the changes of what the author wants. Set by the server.
  creationTimestamp time -- When the object was created. Set by the server.
  deletionTimestamp time -- When the object is to go. Set by the server.
  deletionGracePeriodSeconds int64 -- Time to shut down in peace. Set by the server.
  finalizers []string set -- Names that must be taken out before the object goes.
  ownerReferences []@OwnerReference keys=uid -- The objects that this one belongs to.
  managedFields []@ManagedFieldsEntry -- Who is responsible for which field. Kept by the server.
  selfLink string -- Not set any more.
Condition object -- One aspect of an object's state.
  type! string -- The aspect.
  status! string -- True, False or Unknown.
  observedGeneration int64 -- The generation that this is about.
  lastProbeTime time -- When it was last looked at.
  lastUpdateTime time -- When this entry was last written.
  lastTransitionTime time -- When status last changed.
  reason string -- Why, in one word.
  message string -- Why, in a sentence.
LabelSelector object atomic -- Picks objects by their labels; all conditions must hold.
  matchLabels map:string -- Labels with the value that each must have.
  matchExpressions []object -- Further conditions.
    key! string -- The label.
    operator! string -- In, NotIn, Exists or DoesNotExist.
    values []string -- The values of In and NotIn.
LocalObjectReference object atomic -- An object of the same namespace, by name.
  name string -- Its name.
)";
}

}  // namespace remora::kube
