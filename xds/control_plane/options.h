#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "remora/core/result.h"

namespace remora::xds {

/// remora-control's command line.
struct Options {
  std::vector<std::string> config_paths;
  std::string xds_address = "127.0.0.1:15010";
  std::string admin_address = "127.0.0.1:15014";
  std::string api_address = "127.0.0.1:15080";
  std::string store_path;  ///< folder of what the API is given; empty: the user's state folder
  std::string token_file;  ///< of the API: who may use it
  std::string certificate_file;
  std::string private_key_file;
  std::string client_ca_file;
  std::string xds_address_path;    ///< file that receives the xDS address in use
  std::string admin_address_path;  ///< file that receives the admin address in use
  std::string api_address_path;    ///< file that receives the API's address in use
  /// Canaries' ticks are at least so far apart, as in Flagger. Less is for tests.
  std::chrono::milliseconds rollout_min_interval{10'000};
  std::string log_level = "info";
  bool validate = false;
  bool help = false;
  bool version = false;
};

/// Arguments without the program's name. "--flag VALUE" and "--flag=VALUE" are the same.
Result<Options> parse_options(const std::vector<std::string>& arguments);

/// What --help prints.
std::string usage();

}  // namespace remora::xds
