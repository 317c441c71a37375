#include <cstdio>

#include "ctl/commands.h"
#include "kube/custom_resources.h"
#include "store/yaml.h"

namespace remora::ctl {

int crds(const Arguments&) {
  for (const boost::json::object& definition : kube::custom_resource_definitions()) {
    std::fputs(("---\n" + store::to_yaml(definition)).c_str(), stdout);
  }
  return kGood;
}

}  // namespace remora::ctl
