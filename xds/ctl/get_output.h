#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "ctl/table.h"
#include "store/kinds.h"

namespace remora::ctl {

/// What `get` is asked for, and in which form.
struct Query {
  std::vector<const store::Kind*> kinds;
  std::vector<std::string> names;
  std::string ns;  ///< empty: of all
  std::string selector;
  std::string output;  ///< empty: a table
  bool watch = false;
  bool headers = true;
  bool managed_fields = false;

  bool tables() const { return output.empty() || output == "wide"; }
};

/// Where the answers go: tables and names as they come; JSON and YAML all together, or one by one in a watch.
class GetOutput {
 public:
  explicit GetOutput(const Query& query) : query_(query) {}

  /// A table, an object, or a list of objects.
  void add(const store::Kind& kind, boost::json::value value);
  /// How many objects there were.
  size_t count() const { return count_; }
  /// Writes what is written all together: the object itself where one was named, else a list.
  void finish() const;

 private:
  void add_table(const store::Kind& kind, const boost::json::value& table);
  void add_object(const store::Kind& kind, boost::json::value object);
  void print(const boost::json::value& value) const;

  const Query& query_;
  TableWriter writer_;
  const store::Kind* headed_ = nullptr;  ///< whose table is being written
  boost::json::array objects_;
  size_t count_ = 0;
};

}  // namespace remora::ctl
