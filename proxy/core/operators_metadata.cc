// %DYNAMIC_METADATA(NAMESPACE:KEY:...):Z%, %CLUSTER_METADATA%, %UPSTREAM_METADATA% and %METADATA(TYPE:...)%.

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "remora/config/cluster.h"
#include "remora/config/metadata.h"
#include "remora/config/route.h"

namespace remora {
namespace {

const Metadata* dynamic_metadata(const ExchangeInfo& info) { return info.dynamic_metadata; }
const Metadata* cluster_metadata(const ExchangeInfo& info) {
  return info.cluster == nullptr ? nullptr : info.cluster->metadata.get();
}
const Metadata* upstream_metadata(const ExchangeInfo& info) {
  return info.upstream_host == nullptr ? nullptr : info.upstream_host->metadata.get();
}
const Metadata* route_metadata(const ExchangeInfo& info) {
  return info.route == nullptr ? nullptr : info.route->metadata.get();
}

struct MetadataOperator final : Format::Operator {
  // Strings stand as they are, everything else as JSON.
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const MetadataValue* const value = find(info);
    if (value == nullptr) return false;
    const size_t begin = out.size();
    if (const auto* text = value->string()) {
      out.append(*text);
    } else {
      value->append_json(out);
    }
    if (max_length && out.size() - begin > *max_length) out.resize(begin + *max_length);
    return true;
  }

  // Typed logs keep the value's type, whole.
  bool append_json(const ExchangeInfo& info, std::string& out) const override {
    const MetadataValue* const value = find(info);
    if (value != nullptr) value->append_json(out);
    return value != nullptr;
  }

  [[nodiscard]] const MetadataValue* find(const ExchangeInfo& info) const {
    const Metadata* const metadata = source(info);
    if (metadata == nullptr) return nullptr;
    const auto found = metadata->filters.find(ns);
    if (found == metadata->filters.end()) return nullptr;
    const MetadataValue* value = &found->second;
    for (const auto& key : keys) {
      value = value->find(key);
      if (value == nullptr) return nullptr;
    }
    return std::holds_alternative<std::monostate>(value->value) ? nullptr : value;
  }

  const Metadata* (*source)(const ExchangeInfo&) = nullptr;
  std::string ns;
  std::vector<std::string> keys;
  std::optional<size_t> max_length;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':')) {
    parts.emplace_back(text.substr(0, colon));
    text.remove_prefix(colon + 1);
  }
  parts.emplace_back(text);
  return parts;
}

}  // namespace

Result<OperatorPtr> make_metadata(const OperatorCall& call) {
  auto made = std::make_shared<MetadataOperator>();
  auto parts = split(*call.argument);
  std::string source(call.name.substr(0, call.name.find('_')));  // "DYNAMIC" of DYNAMIC_METADATA
  if (source == "UPSTREAM") source = "UPSTREAM_HOST";
  if (source == "METADATA") {
    source = std::move(parts.front());
    parts.erase(parts.begin());
  }
  if (source == "DYNAMIC") {
    made->source = dynamic_metadata;
  } else if (source == "CLUSTER") {
    made->source = cluster_metadata;
  } else if (source == "UPSTREAM_HOST") {
    made->source = upstream_metadata;
  } else if (source == "ROUTE") {
    made->source = route_metadata;
  } else {
    return Error{"this build has no metadata of type '" + source +
                 "'; it has DYNAMIC, CLUSTER, UPSTREAM_HOST and ROUTE"};
  }
  if (parts.empty() || parts.front().empty()) return Error{"its argument names no namespace"};
  made->ns = std::move(parts.front());
  parts.erase(parts.begin());
  made->keys = std::move(parts);
  made->max_length = call.max_length;
  return OperatorPtr(std::move(made));
}

}  // namespace remora
