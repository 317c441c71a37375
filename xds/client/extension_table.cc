#include "client/extension_table.h"

namespace remora::xds {

void ExtensionTable::expect(const std::string& key, const std::string& name) {
  if (!stats_.contains(key)) stats_.emplace(key, ExtensionStats(stats_store_, name));
}

void ExtensionTable::hold(const std::string& key, const std::string& user) {
  if (table_.hold(key, user)) stats_.at(key).updates().attempt();
}

void ExtensionTable::release(const std::string& key, const std::string& user) {
  if (table_.release(key, user)) stats_.erase(key);
}

bool ExtensionTable::is_settled(const std::string& key) const {
  const auto* entry = table_.find(key);
  return entry != nullptr && (entry->value || entry->refused || entry->absent);
}

ExtensionStats* ExtensionTable::stats(const std::string& key) {
  const auto found = stats_.find(key);
  return found == stats_.end() ? nullptr : &found->second;
}

}  // namespace remora::xds
