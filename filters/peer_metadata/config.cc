#include "api/istio_peer_metadata.pb.h"
#include "common/workload.h"
#include "peer_metadata/peer_metadata.h"
#include "peer_metadata/workload_codec.h"

namespace remora::filters {
namespace {

using io::istio::http::peer_metadata::Config;

class PeerMetadataFactory final : public FilterFactory {
 public:
  PeerMetadataFactory(std::string_view name, std::shared_ptr<const PeerMetadataConfig> config)
      : name_(name),
        config_(std::move(config)) {}

  std::string_view name() const override { return name_; }
  std::unique_ptr<HttpFilter> create() const override { return make_peer_metadata_filter(config_); }
  bool stateless() const override { return true; }

 private:
  std::string name_;
  std::shared_ptr<const PeerMetadataConfig> config_;
};

// Reads the lists of methods; `ok` turns false with the first that this build does not have.
class Methods {
 public:
  Methods(const std::string& path, ConfigReport& report) : path_(path), report_(report) {}

  // True if peers are discovered by headers.
  template <typename List>
  bool discovery(const char* field, const List& methods) {
    bool headers = false;
    for (int i = 0; i < methods.size(); ++i) {
      const std::string at = path_ + "." + field + "[" + std::to_string(i) + "]";
      switch (methods[i].method_specifier_case()) {
        case Config::DiscoveryMethod::kIstioHeaders: headers = true; break;
        case Config::DiscoveryMethod::kWorkloadDiscovery:
          report_.warning(at + ".workload_discovery",
                          "finds nobody: this build has no workload discovery service");
          break;
        case Config::DiscoveryMethod::kBaggage:
          refuse(at + ".baggage", "is not implemented by this build");
          break;
        case Config::DiscoveryMethod::METHOD_SPECIFIER_NOT_SET: refuse(at, "names no method"); break;
      }
    }
    return headers;
  }

  // True if this proxy tells who it is.
  template <typename List>
  bool propagation(const char* field, const List& methods) {
    for (int i = 0; i < methods.size(); ++i) {
      const std::string at = path_ + "." + field + "[" + std::to_string(i) + "]";
      if (!methods[i].has_istio_headers()) refuse(at, "names no method");
      if (methods[i].istio_headers().skip_external_clusters()) {
        refuse(at + ".istio_headers.skip_external_clusters", "is not implemented by this build");
      }
    }
    return !methods.empty();
  }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  void refuse(const std::string& path, const char* why) {
    report_.error(path, why);
    ok_ = false;
  }

  const std::string& path_;
  ConfigReport& report_;
  bool ok_ = true;
};

}  // namespace

std::shared_ptr<const FilterFactory> make_peer_metadata(const FilterSource& source,
                                                        const FilterFactoryContext& context,
                                                        ConfigReport& report) {
  Config proto;
  if (!parse_config(source, proto, report)) return nullptr;
  auto config = std::make_shared<PeerMetadataConfig>();
  Methods methods(source.path, report);
  config->discover_downstream = methods.discovery("downstream_discovery", proto.downstream_discovery());
  config->discover_upstream = methods.discovery("upstream_discovery", proto.upstream_discovery());
  config->tell_downstream = methods.propagation("downstream_propagation", proto.downstream_propagation());
  config->tell_upstream = methods.propagation("upstream_propagation", proto.upstream_propagation());
  if (!methods.ok()) return nullptr;
  if (proto.shared_with_upstream()) {
    report.warning(source.path + ".shared_with_upstream",
                   "has no effect: this build has no internal listeners");
  }
  config->labels.insert(proto.additional_labels().begin(), proto.additional_labels().end());
  config->id = context.node.id;
  config->value = encode_workload(local_workload(context.node), config->labels);
  return std::make_shared<PeerMetadataFactory>(source.name, std::move(config));
}

}  // namespace remora::filters
