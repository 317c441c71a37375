#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/bootstrap.h"
#include "remora/config/report.h"

namespace envoy::config::core::v3 {
class GrpcService;
}

namespace remora::xds {

class Context;

/// What a translation may depend on besides its message. Borrowed.
struct Environment {
  StatsStore& stats;
  const NodeInfo& node;
  /// The static runtime layer, flattened. Only static layers are implemented, so runtime keys are resolved
  /// here.
  const std::map<std::string, std::string>& runtime;
  /// Whether a cluster of that name is there, for routes that must name existing ones; null: not checked.
  std::function<bool(const std::string&)> has_cluster{};
  /// Whether static_resources.secrets has one of that name; null: not checked.
  std::function<bool(const std::string&)> has_static_secret{};
  /// Records why a secret server cannot be reached that way. The context stands at the message; null: not
  /// checked.
  std::function<void(const envoy::config::core::v3::GrpcService&, Context&)> check_grpc_service{};
  /// Whether certificates can be used; null: taken as they are.
  SecretCheck check_secret{};
  /// What to do with bytes of a message that no field claims (only possible in resources from a management
  /// server).
  bool reject_unknown_fields = false;
  /// Counts messages with such bytes when they are accepted; may be null.
  uint64_t* unknown_fields = nullptr;
};

/// Where a translation is inside its resource and what it found there. Findings carry the full path.
/// Translators never stop at the first error: they record it, use a default and go on, so that one run names
/// all.
class Context {
 public:
  Context(const Environment& environment, ConfigReport& report)
      : environment_(environment),
        report_(report) {}

  /// One step down the path, taken back when the scope ends. The names are borrowed until then.
  class [[nodiscard]] Scope {
   public:
    explicit Scope(Context& context) : context_(context) {}
    ~Scope() { context_.steps_.pop_back(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Context& context_;
  };
  Scope in(std::string_view field) { return step({field, {}, kNoIndex}); }
  Scope in(std::string_view field, int index) { return step({field, {}, index}); }
  Scope in_key(std::string_view field, std::string_view key) { return step({field, key, kNoIndex}); }

  /// About the place itself.
  void error(std::string message) { report_.error(path(), std::move(message)); }
  void warning(std::string message) { report_.warning(path(), std::move(message)); }
  /// About one of its fields.
  void error(std::string_view field, std::string message);
  void warning(std::string_view field, std::string message);
  /// "not implemented by this build", said of a value of one of its fields.
  void unsupported(std::string_view field, std::string_view what);

  /// "virtual_hosts[0].routes[2].match"
  [[nodiscard]] std::string path() const;
  [[nodiscard]] const Environment& environment() const { return environment_; }
  [[nodiscard]] ConfigReport& report() { return report_; }

 private:
  static constexpr int kNoIndex = -1;
  struct Step {
    std::string_view field;
    std::string_view key;
    int index;
  };
  Scope step(Step step) {
    steps_.push_back(step);
    return Scope(*this);
  }

  const Environment& environment_;
  ConfigReport& report_;
  std::vector<Step> steps_;
};

}  // namespace remora::xds
