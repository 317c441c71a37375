#include "ctl/table.h"

#include <algorithm>

#include <boost/json.hpp>
#include <cctype>
#include <cstdio>

#include "ctl/api.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

const json::array& list_at(const json::value& value, std::string_view name) {
  static const json::array kNone;
  const json::value* list = value.is_object() ? value.as_object().if_contains(name) : nullptr;
  return list != nullptr && list->is_array() ? list->as_array() : kNone;
}

bool shown(const json::value& column, bool wide) {
  const json::value* priority = column.is_object() ? column.as_object().if_contains("priority") : nullptr;
  return wide || priority == nullptr || !priority->is_int64() || priority->as_int64() == 0;
}

std::string cell_text(const json::value& cell) {
  if (cell.is_null()) return "";
  return cell.is_string() ? std::string(cell.as_string()) : json::serialize(cell);
}

/// Characters, not bytes: a continuation byte takes no column.
size_t width_of(const std::string& text) {
  size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

}  // namespace

void TableWriter::print(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width_of(row[i]));
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths_[i] - width_of(row[i]) + 3, ' ');
    }
    std::puts(line.c_str());
  }
  std::fflush(stdout);
}

std::vector<Row> table_rows(const json::value& table, bool wide, bool ns, const std::string& prefix) {
  const json::array& columns = list_at(table, "columnDefinitions");
  std::vector<Row> rows;
  for (const json::value& row : list_at(table, "rows")) {
    const json::array& cells = list_at(row, "cells");
    Row out;
    if (ns) out.push_back(text_at(row, "/object/metadata/namespace"));
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i < columns.size() && !shown(columns[i], wide)) continue;
      out.push_back((i == 0 ? prefix : "") + cell_text(cells[i]));
    }
    rows.push_back(std::move(out));
  }
  return rows;
}

Row table_header(const json::value& table, bool wide, bool ns) {
  Row header;
  if (ns) header.emplace_back("NAMESPACE");
  for (const json::value& column : list_at(table, "columnDefinitions")) {
    if (!shown(column, wide)) continue;
    std::string name = text_at(column, "/name");
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    header.push_back(std::move(name));
  }
  return header;
}

}  // namespace remora::ctl
