#include "istio/parse/readers.h"

// What a Canary refers to: where metrics come from, where alerts go.
namespace remora::istio {

MetricTemplate read_metric_template(Fields& spec) {
  MetricTemplate result;
  const bool given = spec.object("provider", [&](Fields& provider) {
    provider.string("type", result.provider_type);
    if (result.provider_type != "prometheus") {
      provider.error("type", "\"" + result.provider_type + "\" is not implemented: only prometheus is");
    }
    provider.string("address", result.address);
    if (!result.address.starts_with("http://") && !result.address.starts_with("https://")) {
      provider.error("address", "must be an http:// or https:// URL");
    }
    provider.object("headers", [&](Fields& headers) {
      for (const std::string& name : headers.names()) {
        std::vector<std::string> values;
        headers.strings(name, values);
        if (values.size() > 1) headers.error(name, "must have one value");
        if (values.size() == 1) result.headers[name] = values.front();
      }
    });
    provider.object("secretRef", [&](Fields& secret) { secret.string("name", result.secret); });
    provider.boolean("insecureSkipVerify", result.insecure_skip_verify);
    provider.unsupported("region", Severity::kWarning, "has no effect: it belongs to other providers");
  });
  if (!given && !spec.has("provider")) spec.error("provider", "is required");
  spec.string("query", result.query);
  if (result.query.empty()) spec.error("query", "is required");
  return result;
}

AlertProvider read_alert_provider(Fields& spec) {
  static const Words<int> kTypes{{"slack", 0}, {"msteams", 0}, {"discord", 0}, {"rocket", 0}, {"gchat", 0}};
  AlertProvider result;
  int type = 0;
  spec.word("type", kTypes, type);
  spec.string("type", result.type);
  if (result.type.empty()) spec.error("type", "is required");
  spec.string("channel", result.channel);
  spec.string("username", result.username);
  if (spec.string("address", result.address) && !result.address.starts_with("http://") &&
      !result.address.starts_with("https://")) {
    spec.error("address", "must be an http:// or https:// URL");
  }
  spec.object("secretRef", [&](Fields& secret) { secret.string("name", result.secret); });
  if (result.address.empty() && result.secret.empty() && !spec.has("address") && !spec.has("secretRef")) {
    spec.error("", "needs address or secretRef");
  }
  if (spec.string("proxy", result.proxy) && !result.proxy.empty() && !result.proxy.starts_with("http://")) {
    spec.error("proxy", "must be an http:// URL: other kinds of proxies are not implemented");
  }
  return result;
}

}  // namespace remora::istio
