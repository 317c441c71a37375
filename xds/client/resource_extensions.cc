// Filters' configurations that come by themselves, in the listeners that wait for them or use them.

#include <optional>

#include "client/log.h"
#include "client/resource_store.h"
#include "translate/listener_extensions.h"

namespace remora::xds {
namespace {

using google::protobuf::Any;

/// A listener with another configuration for some of its filters.
struct Renewed {
  std::string name;
  Rare<TranslatedListener> active;
  Rare<TranslatedListener> warming;
};

Rare<TranslatedListener> renew(const Rare<ListenerSet::Version>& version, const std::string& key,
                               const Any* config, Context& context) {
  if (!version) return {};
  Rare<TranslatedListener> changed(version->parent);
  if (!set_extension(*changed, key, config, context)) return {};
  return changed;
}

}  // namespace

/// A new listener has what is here already. What its filters do not take is not its fault: another listener's
/// filters may take it. Source: Envoy, config_conflict.
void ResourceStore::expect_extensions(TranslatedListener& listener, std::vector<Need>& needs) {
  std::set<std::string> seen;
  for (size_t i = 0; i < listener.extensions.size(); ++i) {
    const auto extension = listener.extensions[i];
    needs.push_back({{NeedKind::kExtension, extension.key},
                     extension.source->fetch_timeout,
                     extension.filter->is_waited_for()});
    if (!seen.insert(extension.key).second) continue;
    expect(ResourceType::kExtensions, extension.key, extension.name, extension.source);
    extensions_.expect(extension.key, extension.name);
    const auto config = extensions_.table().value_of(extension.key);
    if (!config) continue;
    ConfigReport report;
    Context context(environment_, report);
    if (set_extension(listener, extension.key, config.get(), context)) continue;
    log(LogLevel::kWarning, "the configuration that is here for the filter '" + extension.name +
                                "' is not for listener '" + listener.config->name +
                                "': " + report.error_text());
    extensions_.stats(extension.key)->conflict();
  }
}

/// All listeners that use it, or none: an error names the first one.
bool ResourceStore::renew_listeners(const std::string& key, const Any* config, Context& context) {
  const size_t errors_before = context.report().error_count();
  std::vector<Renewed> changes;
  for (const std::string& name : extensions_.table().find(key)->users.names()) {
    const auto* listener = listeners_.find(name);
    if (listener == nullptr) continue;
    const auto scope = context.in_key("listeners", name);
    changes.push_back({name, renew(listener->active, key, config, context),
                       renew(listener->warming, key, config, context)});
    if (context.report().error_count() != errors_before) return false;
  }
  for (Renewed& change : changes)
    listeners_.renew(change.name, std::move(change.active), std::move(change.warming));
  extensions_.stats(key)->reloaded();
  return true;
}

void ResourceStore::take_extension(const std::string& key, const Any& config, ResourceRecord record,
                                   Context& context) {
  if (extensions_.table().find(key) == nullptr) return;  // nobody asked for it
  if (!renew_listeners(key, &config, context)) return;
  extensions_.table().supply(key, std::move(record), std::make_shared<const Any>(config));
  listeners_.settled({NeedKind::kExtension, key});
}

void ResourceStore::refuse_extension(const std::string& key, RefusedUpdate update) {
  extensions_.table().refuse(key, std::move(update));
  if (extensions_.is_settled(key)) listeners_.settled({NeedKind::kExtension, key});
}

/// As Envoy: the filters are what they are without one.
void ResourceStore::withdraw_extension(const std::string& key, const std::string& version) {
  if (extensions_.table().find(key) == nullptr) return;
  ConfigReport report;
  Context context(environment_, report);
  renew_listeners(key, nullptr, context);
  extensions_.stats(key)->updates().success(version);
  extensions_.table().withdraw(key);
  listeners_.settled({NeedKind::kExtension, key});
}

}  // namespace remora::xds
