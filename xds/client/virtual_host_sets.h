#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/resource_record.h"
#include "remora/config/demand.h"
#include "remora/config/route.h"
#include "translate/resource_source.h"

namespace remora::xds {

/// The virtual hosts that come on their own (VHDS), for each route table that has such. Single-threaded.
class VirtualHostSets {
 public:
  struct Host {
    ResourceRecord record;
    std::shared_ptr<VirtualHost> made;  // for the table's head as it is
  };
  struct Set {
    std::string table;  // the table's name at its source: what names begin with
    std::shared_ptr<const ResourceSource> source;
    std::map<std::string, Host> hosts;             // by resource name
    std::map<std::string, RefusedUpdate> refused;  // likewise
    /// By requests: who waits for each name (the same host may be spelled in several ways), and the number of
    /// the newest who does.
    std::map<std::string, std::map<DemandKey, uint64_t>> asked;
    std::string version;  // of the last response
    WallTime updated{};
    bool answered = false;  // the source has said what there is
    [[nodiscard]] std::string source_key() const { return source->key; }
  };
  /// What is to be asked for from now on, or no longer: all that a source has, or what a request named.
  struct Touched {
    std::string name;  // "": all
    std::shared_ptr<const ResourceSource> source;
    bool is_wanted = false;
  };

  /// The set of a table (by its key among routes), made if there is none. Another source is asked anew; what
  /// came from the one before serves meanwhile.
  Set& hold(const std::string& key, const std::string& table, std::shared_ptr<const ResourceSource> source);
  void release(const std::string& key);
  /// Virtual hosts of no table that is here. The server has given them and will not do so again, so they are
  /// kept; more than so many are not.
  static constexpr size_t kMostUnclaimed = 20000;
  bool keep_unclaimed(const std::string& name, const std::string& source, ResourceRecord record);
  void drop_unclaimed(const std::string& name, const std::string& source) {
    unclaimed_.erase({source, name});
  }
  /// Those of a set, taken out.
  std::vector<std::pair<std::string, ResourceRecord>> claim(const Set& set);
  /// Of the virtual host of that resource name, whether its table is here or not; null: it is not here.
  [[nodiscard]] const ResourceRecord* record_of(const std::string& name, const std::string& source) const;
  /// Null: that table has none.
  Set* find(const std::string& key);
  [[nodiscard]] const Set* find(const std::string& key) const;
  /// The keys of the tables of that name whose virtual hosts come from there.
  [[nodiscard]] std::vector<std::string> keys_of(const std::string& table, const std::string& source) const;
  /// Those of all tables whose virtual hosts come from there.
  [[nodiscard]] std::vector<std::string> keys_from(const std::string& source) const;

  [[nodiscard]] size_t refused_count() const;

  /// So many hosts of one table can be asked for by requests; that of a longer name cannot.
  static constexpr size_t kMostAsked = 10000;
  static constexpr size_t kLongestAsked = 512;
  static constexpr size_t kMostSpellings = 100;
  /// A request asks for the virtual host of `demand.key.name`. The answer comes by settle() or at once.
  void ask(const Demand& demand);
  /// What was asked for by that name is answered. What is not there may be asked for again.
  void settle(Set& set, const std::string& name, bool found);
  std::vector<SettledDemand> take_settled() { return std::exchange(settled_, {}); }
  std::vector<Touched> take_touched() { return std::exchange(touched_, {}); }

 private:
  /// Nobody asks there any more, unless another table does.
  void let_go(std::shared_ptr<const ResourceSource> source);

  std::map<std::string, Set> sets_;
  std::map<std::pair<std::string, std::string>, ResourceRecord> unclaimed_;  // source, name
  std::vector<Touched> touched_;
  std::vector<SettledDemand> settled_;
};

}  // namespace remora::xds
