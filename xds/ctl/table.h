#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace remora::ctl {

using Row = std::vector<std::string>;

/// Lines of columns, three spaces apart, as kubectl writes them. Remembers the widths, so that what a watch
/// adds stays below its header.
class TableWriter {
 public:
  void print(const std::vector<Row>& rows);

 private:
  std::vector<size_t> widths_;
};

/// The rows of meta.k8s.io/v1 Table; with `wide`, of its columns of lower priority too; with `ns`, that of
/// the object in front; `prefix` ("canary.flagger.app/") before each name.
std::vector<Row> table_rows(const boost::json::value& table, bool wide, bool ns, const std::string& prefix);

/// Its columns' names, in capitals.
Row table_header(const boost::json::value& table, bool wide, bool ns);

}  // namespace remora::ctl
