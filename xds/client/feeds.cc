#include "client/feeds.h"

#include <algorithm>

#include "translate/dns.h"

namespace remora::xds {

Feeds::Feeds(Host host, ResourceReceiver& receiver)
    : host_(host),
      receiver_(receiver),
      files_(host_.mutex, receiver),
      names_(host_.mutex, host_.environment.stats, receiver, host_.sink) {}

ResourceFeed& Feeds::add(StreamOptions options) {
  auto& added = streams_.emplace_back(make_stream_client(std::move(options), receiver_, host_.mutex));
  if (!stopping_) added->start();
  return *added;
}

ResourceFeed& Feeds::make_ads(const AdsConfig& config) {
  const GrpcTarget& target = config;
  return add({.target = target,
              .method = aggregated_method(config.is_delta),
              .is_delta = config.is_delta,
              .identity = {{}, host_.bootstrap.node(), config.node_on_first_message_only}});
}

DnsResolverConfig Feeds::usual_resolver() const {
  ConfigReport report;  // errors were found when the bootstrap was loaded
  Context context(host_.environment, report);
  return to_dns_resolver(host_.bootstrap.message(), context);
}

void Feeds::demand(const std::shared_ptr<DnsCache>& cache, const Demand& demand) {
  names_.demand(cache, demand, [this] { return usual_resolver(); });
}

void Feeds::preresolve(const std::shared_ptr<DnsCache>& cache) {
  names_.preresolve(cache, [this] { return usual_resolver(); });
}

ResourceFeed& Feeds::make(const ResourceSource& source, ResourceType type) {
  retired_.remove_if([](const auto& stream) { return stream->has_ended(); });
  if (source.kind == ResourceSource::Kind::kFile) return files_.add(source, type);
  if (source.kind == ResourceSource::Kind::kDns)
    return names_.add(source, [this] { return usual_resolver(); });
  StreamOptions options{.target = {},
                        .method = discovery_method(type, source.is_delta),
                        .is_delta = source.is_delta,
                        .identity = {source.key, host_.bootstrap.node(), source.node_on_first_message_only}};
  // Errors were found when the source was translated.
  ConfigReport report;
  Context context(host_.environment, report);
  set_grpc_target(host_.bootstrap.message(), source.server, context, options.target);
  return add(std::move(options));
}

void Feeds::retire(ResourceFeed& feed) {
  const auto same = [&](const auto& stream) { return stream.get() == &feed; };
  const auto found = std::ranges::find_if(streams_, same);
  if (found == streams_.end()) {
    if (!names_.remove(feed)) files_.remove(feed);
    return;
  }
  (*found)->retire();
  retired_.splice(retired_.end(), streams_, found);
}

void Feeds::stop() {
  {
    const std::lock_guard lock(host_.mutex);
    stopping_ = true;
  }
  files_.stop();
  names_.stop();
  std::list<std::unique_ptr<StreamClient>> streams;
  {
    const std::lock_guard lock(host_.mutex);
    streams.splice(streams.end(), retired_);
    for (const auto& stream : streams_) stream->retire();
  }
  for (const auto& stream : streams) stream->stop();
  for (const auto& stream : streams_) stream->stop();
}

}  // namespace remora::xds
