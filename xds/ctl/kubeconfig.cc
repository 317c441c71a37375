#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "store/yaml.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

/// Files by their full path: the configuration may be used from anywhere.
std::string full(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

}  // namespace

int kubeconfig(const Arguments& arguments) {
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  json::object cluster{{"server", connection->url}};
  json::object user;
  if (arguments.has("--ca")) cluster["certificate-authority"] = full(arguments.get("--ca"));
  if (!connection->token.empty()) user["token"] = connection->token;
  if (arguments.has("--client-certificate"))
    user["client-certificate"] = full(arguments.get("--client-certificate"));
  // The server's files hold certificate and key together as well as apart.
  const std::string key = arguments.get("--client-key", arguments.get("--client-certificate"));
  if (arguments.has("--client-certificate")) user["client-key"] = full(key);
  const json::object context{
      {"cluster", "remora"}, {"namespace", arguments.get("--namespace", "default")}, {"user", "remora"}};
  const json::object config{{"apiVersion", "v1"},
                            {"kind", "Config"},
                            {"clusters", json::array{json::object{{"name", "remora"}, {"cluster", cluster}}}},
                            {"users", json::array{json::object{{"name", "remora"}, {"user", user}}}},
                            {"contexts", json::array{json::object{{"name", "remora"}, {"context", context}}}},
                            {"current-context", "remora"}};
  std::fputs(store::to_yaml(config).c_str(), stdout);
  return kGood;
}

}  // namespace remora::ctl
