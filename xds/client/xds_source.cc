#include "client/xds_source.h"

#include <google/protobuf/util/json_util.h>

#include "envoy/admin/v3/config_dump.pb.h"

namespace remora::xds {
namespace {

class XdsSource final : public ConfigSource {
 public:
  explicit XdsSource(XdsSourceOptions options) : options_(std::move(options)) {}
  void start(ConfigSink&) override {}
  void stop() override {}
  Result<std::string> config_dump(const DumpQuery&) override {
    envoy::admin::v3::ConfigDump dump;
    envoy::admin::v3::BootstrapConfigDump bootstrap;
    *bootstrap.mutable_bootstrap() = options_.bootstrap;
    dump.add_configs()->PackFrom(bootstrap);
    std::string json;
    const auto status = google::protobuf::util::MessageToJsonString(dump, &json);
    if (!status.ok()) return Error{std::string(status.message())};
    return json;
  }

 private:
  XdsSourceOptions options_;
};

}  // namespace

std::unique_ptr<ConfigSource> make_xds_source(XdsSourceOptions options) {
  return std::make_unique<XdsSource>(std::move(options));
}

}  // namespace remora::xds
