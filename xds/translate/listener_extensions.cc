#include "translate/listener_extensions.h"

#include "translate/content_hash.h"

namespace remora::xds {
namespace {

using Extension = TranslatedListener::Extension;

FilterChain& chain_of(ListenerConfig& listener, const Extension& extension) {
  return extension.chain < listener.filter_chains.size() ? listener.filter_chains[extension.chain]
                                                         : *listener.default_filter_chain;
}

void put(FilterChain& chain, const Extension& extension, ExtensionFilter::Made made) {
  auto manager = std::make_shared<HttpConnectionManagerConfig>(*chain.http);
  manager->filters[extension.place].factory = std::move(made.factory);
  if (extension.filter->place().is_last) manager->suppress_envoy_headers = made.suppress_envoy_headers;
  chain.http = std::move(manager);
}

/// Equal hashes are equal chains: its own content, and what each of its filters was told.
uint64_t hash_of(const std::vector<Extension>& extensions, const Extension& one) {
  std::string text = std::to_string(one.chain_hash);
  bool has_any = false;
  for (const Extension& other : extensions) {
    if (other.chain != one.chain) continue;
    has_any = has_any || other.content != 0;
    text += " " + std::to_string(other.content);
  }
  return has_any ? content_hash(text) : one.chain_hash;
}

}  // namespace

bool set_extension(TranslatedListener& listener, const std::string& key, const google::protobuf::Any* config,
                   Context& context) {
  const size_t errors_before = context.report().error_count();
  std::vector<ExtensionFilter::Made> made;
  for (const Extension& extension : listener.extensions) {
    if (extension.key != key) continue;
    made.push_back(config == nullptr ? extension.filter->fallback()
                                     : extension.filter->make(*config, context));
  }
  if (context.report().error_count() != errors_before) return false;
  auto changed = std::make_shared<ListenerConfig>(*listener.config);
  auto next = made.begin();
  for (Extension& extension : listener.extensions) {
    if (extension.key != key) continue;
    extension.content = config == nullptr ? 0 : content_hash(config->type_url() + " " + config->value());
    put(chain_of(*changed, extension), extension, std::move(*next++));
  }
  for (const Extension& extension : listener.extensions) {
    if (extension.key == key) chain_of(*changed, extension).hash = hash_of(listener.extensions, extension);
  }
  listener.config = std::move(changed);
  return true;
}

}  // namespace remora::xds
