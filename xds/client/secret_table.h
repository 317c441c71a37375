#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/child_table.h"
#include "client/update_stats.h"
#include "remora/config/tls.h"
#include "translate/context.h"
#include "translate/secret_source.h"

namespace remora::xds {

/// The secrets that listeners and clusters name, by key, with where each comes from. What stands in files is
/// read as soon as it is named; what other sources give is handed in. A refused secret leaves the last good
/// one in place. Single-threaded.
class SecretTable {
 public:
  using Table = ChildTable<std::shared_ptr<const Secret>>;

  /// Borrowed; `environment` judges and translates.
  explicit SecretTable(const Environment& environment) : environment_(environment) {}

  /// One of static_resources: it never goes.
  void add_static(ResourceRecord record, std::shared_ptr<const Secret> secret);

  /// Where needs come from that will be held next.
  void expect(const SecretNeeds& needs);
  void hold(const std::string& key, const std::string& user, WallTime wall);
  void release(const std::string& key, const std::string& user);
  /// It is there, or its source has answered with one that was refused: there is nothing to wait for.
  [[nodiscard]] bool is_settled(const std::string& key) const;

  /// A secret as it came from its source; errors are recorded and it is not taken. Not held: ignored.
  void take(const std::string& key, const ProtoSecret& secret, ResourceRecord record, Context& context);
  void refuse(const std::string& key, RefusedUpdate update) { table_.refuse(key, std::move(update)); }

  /// Reads anew what depends on files. False: nothing is different.
  bool reload(const std::string& key, WallTime wall);

  [[nodiscard]] const Table& table() const { return table_; }
  Table& table() { return table_; }
  [[nodiscard]] const SecretSource* source_of(const std::string& key) const;
  /// Folders in which a change means that reload() is due.
  [[nodiscard]] std::vector<std::string> folders_of(const std::string& key) const;
  /// Names asked of the management server.
  [[nodiscard]] std::vector<std::string> ads_names() const;
  /// Those of them that are new or gone since the last call.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }
  /// Another number whenever sources or folders are others.
  [[nodiscard]] uint64_t sources_version() const { return sources_version_; }
  /// sds.<name>. Not for what stands in the configuration.
  UpdateStats& stats(const std::string& key);

 private:
  struct State {
    SecretSource source;
    std::vector<std::string> folders;  // of the files that the current content names
    uint64_t content_hash = 0;
    UpdateStats stats;
  };
  /// The secret of a file that holds a DiscoveryResponse, with its version.
  Result<ResourceRecord> read_file_secret(const SecretSource& source, WallTime wall) const;
  Result<ResourceRecord> record_to_reload(const std::string& key, const State& state, WallTime wall) const;

  const Environment& environment_;
  Table table_;
  std::map<std::string, State> states_;  // of what is expected or held
  std::set<std::string> touched_;
  uint64_t sources_version_ = 0;
};

/// The key of a secret of the management server.
std::string ads_secret_key(const std::string& name);

}  // namespace remora::xds
