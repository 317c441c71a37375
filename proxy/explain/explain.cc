#include "explain/explain.h"

#include <algorithm>

#include "admin/json_writer.h"
#include "explain/cluster.h"
#include "explain/connection.h"
#include "explain/http.h"
#include "explain/question.h"
#include "listener/chain_runtime.h"

namespace remora::explain {
namespace {

using admin::JsonWriter;

void write_listener(JsonWriter& json, const Landing& landing) {
  json.key("listener");
  if (landing.listener == nullptr) return json.null();
  const auto& config = *landing.listener->runtime->config;
  json.begin_object();
  json.member("name", config.name);
  const auto& addresses = landing.listener->addresses;
  json.member("address", (addresses.empty() ? config.address : addresses.front()).to_string());
  json.member("why", landing.why);
  json.end_object();
}

/// Null if no chain is there to go on with.
const FilterChain* write_chain(JsonWriter& json, const Landing& landing) {
  json.key("filter_chain");
  const auto& chains = landing.listener->runtime->chains;
  if (landing.chain >= chains.size()) {
    json.null();
    return nullptr;
  }
  const FilterChain& chain = chains[landing.chain].runtime->config;
  json.begin_object();
  json.member("name", chain.name);
  json.member("number", landing.chain);
  json.member("default", landing.listener->runtime->has_default() && landing.chain + 1 == chains.size());
  json.member("tls", chain.tls != nullptr);
  json.member("filter", chain.http != nullptr ? "http_connection_manager" : "tcp_proxy");
  json.end_object();
  return &chain;
}

void write_tcp(JsonWriter& json, const Question& question, const TcpProxyConfig& tcp,
               const Configuration& configuration) {
  const auto write = [&](const std::string& name, const SubsetMatch& subset) {
    write_cluster(json, name, configuration, subset, question.most_endpoints);
  };
  if (tcp.weighted.empty()) {
    json.key("cluster");
    return write(tcp.cluster, tcp.subset);
  }
  uint64_t total = 0;
  for (const auto& weighted : tcp.weighted) total += weighted.weight;
  json.key("weighted_clusters");
  json.begin_array();
  for (const auto& weighted : tcp.weighted) {
    json.begin_object();
    json.member("name", weighted.cluster);
    json.member("weight", weighted.weight);
    json.member("share_percent", 100.0 * weighted.weight / static_cast<double>(total));
    json.key("cluster");
    write(weighted.cluster, weighted.subset.empty() ? tcp.subset : weighted.subset);
    json.end_object();
  }
  json.end_array();
}

/// Where TLS is expected, plain text gets nowhere, and the other way round.
void note_tls(const Question& question, const FilterChain& chain, Landing& landing) {
  if (chain.tls != nullptr && !question.tls)
    landing.notes.emplace_back(
        "the filter chain expects TLS, and the client does not speak it: its connection ends");
  if (chain.tls == nullptr && question.tls && chain.http != nullptr)
    landing.notes.emplace_back(
        "the filter chain expects plain text, and the client speaks TLS: its bytes are no request");
}

void write_notes(JsonWriter& json, const Landing& landing) {
  json.key("notes");
  json.begin_array();
  for (const auto& note : landing.notes) json.value(note);
  json.end_array();
}

}  // namespace

Result<std::string> answer(std::string_view text, const Configuration& configuration) {
  const auto question = parse_question(text);
  if (!question) return question.error();
  auto landing = land(*question, configuration.listeners);
  if (!landing) return landing.error();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_listener(json, *landing);
  const FilterChain* chain = landing->listener == nullptr ? nullptr : write_chain(json, *landing);
  if (chain != nullptr) {
    note_tls(*question, *chain, *landing);
    if (chain->http != nullptr) {
      write_http(json, *question, *landing, *chain, configuration);
    } else {
      write_tcp(json, *question, *chain->tcp, configuration);
    }
  }
  write_notes(json, *landing);
  json.end_object();
  out += '\n';
  return out;
}

}  // namespace remora::explain
