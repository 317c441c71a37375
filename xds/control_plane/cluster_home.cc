#include "control_plane/cluster_home.h"

#include <spdlog/spdlog.h>

#include <boost/json/object.hpp>
#include <cstdlib>
#include <ctime>

#include "kubernetes/http_api_client.h"
#include "kubernetes/kubernetes_store.h"
#include "store/read_only_store.h"

namespace remora::xds {
namespace {

namespace json = boost::json;

std::string timestamp(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc));
  return text;
}

kubernetes::StoreSettings settings_of(const Options& options) {
  kubernetes::StoreSettings settings;
  settings.rollouts = options.rollouts.value_or(true);
  settings.log = [](bool warning, const std::string& text) {
    spdlog::log(warning ? spdlog::level::warn : spdlog::level::info, text);
  };
  return settings;
}

class ClusterHome final : public ObjectHome {
 public:
  ClusterHome(boost::asio::io_context& context, const Options& options, const kubernetes::Access& access,
              std::unique_ptr<kubernetes::ApiClient> client)
      : server_(access.server),
        namespace_(access.ns.empty() ? "default" : access.ns),  // as kubectl has it
        client_(std::move(client)),
        store_(context, *client_, settings_of(options)),
        read_only_(store_,
                   "is kept by the Kubernetes API server " + server_ + ": change it there (kubectl)") {}

  store::ObjectStore& objects() override { return store_; }
  store::ObjectStore& objects_for_api() override { return read_only_; }
  store::MemoryStore* manifests() override { return nullptr; }
  kubernetes::ApiClient* api_server() override { return client_.get(); }
  std::string own_namespace() const override { return namespace_; }
  std::string place_of(const store::ObjectKey& key) const override {
    return "kubernetes:" + key.type + '/' + (key.ns.empty() ? "" : key.ns + '/') + key.name;
  }
  bool ready() const override { return store_.settled(); }

  std::map<std::string, std::string> broken() const override {
    std::map<std::string, std::string> broken;
    for (const kubernetes::KindState& state : store_.states()) {
      for (const auto& [key, why] : state.unreadable) broken[place_of(key)] = why;
    }
    return broken;
  }

  json::array describe() const override {
    json::array list;
    for (const kubernetes::KindState& state : store_.states()) {
      list.push_back(json::object{{"server", server_},
                                  {"kind", state.kind->kind},
                                  {"resource", state.kind->type()},
                                  {"apiVersion", state.kind->api_version(state.version)},
                                  {"condition", kubernetes::word_for(state.condition)},
                                  {"message", state.message},
                                  {"since", timestamp(state.since)},
                                  {"needed", state.kind->need == kubernetes::Need::kRouting},
                                  {"synced", state.synced},
                                  {"objects", store_.count(state.kind->type())},
                                  {"unreadable", state.unreadable.size()},
                                  {"lists", state.lists},
                                  {"watches", state.watches},
                                  {"events", state.events}});
    }
    return list;
  }

  std::string metrics() const override {
    struct Family {
      const char* name;
      const char* type;
      const char* help;
      double (*value)(const kubernetes::KindState& state, size_t objects);
    };
    static constexpr Family kFamilies[] = {
        {"remora_control_kubernetes_objects", "gauge", "Objects of a kind that have been read",
         [](const kubernetes::KindState&, size_t objects) { return static_cast<double>(objects); }},
        {"remora_control_kubernetes_watching", "gauge", "1 while the kind is watched, 0 while that fails",
         [](const kubernetes::KindState& state, size_t) {
           return state.condition == kubernetes::KindState::Condition::kWatching ? 1.0 : 0.0;
         }},
        {"remora_control_kubernetes_lists_total", "counter", "How often the kind has been listed",
         [](const kubernetes::KindState& state, size_t) { return static_cast<double>(state.lists); }},
        {"remora_control_kubernetes_watches_total", "counter", "How often a watch of the kind has begun",
         [](const kubernetes::KindState& state, size_t) { return static_cast<double>(state.watches); }},
        {"remora_control_kubernetes_events_total", "counter", "Events of the kind's watches",
         [](const kubernetes::KindState& state, size_t) { return static_cast<double>(state.events); }},
    };
    const auto states = store_.states();
    std::string text;
    for (const Family& family : kFamilies) {
      text += std::string("# HELP ") + family.name + ' ' + family.help + "\n# TYPE " + family.name + ' ' +
              family.type + '\n';
      for (const kubernetes::KindState& state : states) {
        const std::string type = state.kind->type();
        text += fmt::format("{}{{resource=\"{}\"}} {}\n", family.name, type,
                            family.value(state, store_.count(type)));
      }
    }
    return text;
  }

  void follow(std::function<void()> changed) override {
    store_.on_states(std::move(changed));
    if (!std::exchange(started_, true)) store_.start();
  }

 private:
  const std::string server_;
  const std::string namespace_;
  std::unique_ptr<kubernetes::ApiClient> client_;
  kubernetes::KubernetesStore store_;
  store::ReadOnlyStore read_only_;
  bool started_ = false;
};

}  // namespace

Result<std::unique_ptr<ObjectHome>> open_cluster(boost::asio::io_context& context, const Options& options) {
  auto access =
      options.in_cluster
          ? kubernetes::in_cluster([](const char* name) -> const char* { return std::getenv(name); })
          : kubernetes::read_kubeconfig(options.kubeconfig, options.kube_context);
  const char* flag = options.in_cluster ? "--in-cluster: " : "--kubeconfig: ";
  if (!access.ok()) return Error{flag + access.error().message};
  auto client = kubernetes::make_api_client(context, *access);
  if (!client.ok()) return Error{flag + client.error().message};
  spdlog::info("Kubernetes: objects are those of {}", access->server);
  return std::unique_ptr<ObjectHome>(
      std::make_unique<ClusterHome>(context, options, *access, std::move(*client)));
}

}  // namespace remora::xds
