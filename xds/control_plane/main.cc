#include <cstdio>
#include <string>
#include <vector>

#include "control_plane/options.h"
#include "control_plane/server.h"
#include "control_plane/version.h"

int main(int argc, char** argv) {
  const auto options = remora::xds::parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (!options.ok()) {
    std::fprintf(stderr, "remora-control: %s\n", options.error().message.c_str());
    return 1;
  }
  if (options->help) {
    std::fputs(remora::xds::usage().c_str(), stdout);
    return 0;
  }
  if (options->version) {
    std::puts(remora::xds::kVersion);
    return 0;
  }
  if (options->validate) return remora::xds::validate_configuration(options->config_paths);
  return remora::xds::serve(*options);
}
