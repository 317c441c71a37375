#pragma once

#include <string>

#include "client/kept_bootstrap.h"
#include "client/resource_store.h"
#include "remora/config/bootstrap.h"

namespace remora::xds {

/// What /config_dump shows. Borrowed.
struct DumpSources {
  const KeptBootstrap& bootstrap;
  WallTime loaded;
  const ResourceStore& store;
  const std::string& clusters_version;
  const std::string& listeners_version;
};

/// envoy.admin.v3.ConfigDump as JSON. Errors: a mask or resource that Envoy does not know, a broken
/// name_regex.
Result<std::string> dump_config(const DumpSources& sources, const ConfigSource::DumpQuery& query);

}  // namespace remora::xds
