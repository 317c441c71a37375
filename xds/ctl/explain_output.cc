#include "ctl/explain_output.h"

#include <boost/json.hpp>
#include <cstdio>

#include "ctl/table.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

/// What stands at a JSON pointer, as a person reads it; "" where there is nothing.
std::string text_at(const json::value& value, const char* pointer) {
  boost::system::error_code failed;
  const json::value* at = value.find_pointer(pointer, failed);
  if (at == nullptr || at->is_null()) return "";
  return at->is_string() ? std::string(at->get_string()) : json::serialize(*at);
}

const json::array& list_at(const json::value& value, const char* pointer) {
  static const json::array kNone;
  boost::system::error_code failed;
  const json::value* at = value.find_pointer(pointer, failed);
  return at != nullptr && at->is_array() ? at->get_array() : kNone;
}

std::string number_and_name(const json::value& value, const char* number, const char* name) {
  const std::string text = text_at(value, name);
  return "#" + text_at(value, number) + (text.empty() ? "" : " " + text);
}

void add(std::vector<Row>& rows, const char* title, const std::string& text) {
  if (!text.empty()) rows.push_back({title, text});
}

std::string changed(const json::value& answer, const char* from, const char* to) {
  const std::string old = text_at(answer, from);
  return old.empty() ? "" : old + " -> " + text_at(answer, to);
}

std::string headers_at(const json::value& answer, const char* pointer) {
  std::string text;
  for (const json::value& header : list_at(answer, pointer))
    text += (text.empty() ? "" : ", ") + text_at(header, "/name") + ": " + text_at(header, "/value");
  return text;
}

void add_connection(std::vector<Row>& rows, const json::value& answer) {
  const std::string listener = text_at(answer, "/listener/name");
  const std::string address = text_at(answer, "/listener/address");
  add(rows, "listener",
      address.empty() ? "none: nobody listens there"
                      : listener + " (" + address + "), since " + text_at(answer, "/listener/why"));
  if (address.empty()) return;
  const bool chain = !text_at(answer, "/filter_chain/filter").empty();
  add(rows, "filter chain",
      chain ? number_and_name(answer, "/filter_chain/number", "/filter_chain/name") + ": " +
                  text_at(answer, "/filter_chain/filter")
            : "none matches");
}

void add_routing(std::vector<Row>& rows, const json::value& answer) {
  if (text_at(answer, "/request/method").empty()) return;
  add(rows, "request",
      text_at(answer, "/request/method") + " " + text_at(answer, "/request/authority") +
          text_at(answer, "/request/path"));
  add(rows, "normalized path",
      changed(answer, "/request/normalized_path/from", "/request/normalized_path/to"));
  add(rows, "removed headers", headers_at(answer, "/request/removed_headers"));
  std::string filters;
  for (const json::value& filter : list_at(answer, "/http_filters"))
    filters += (filters.empty() ? "" : ", ") + text_at(filter, "/name");
  add(rows, "filters (not run)", filters);
  add(rows, "route table", text_at(answer, "/route_configuration/name"));
  const std::string domain = text_at(answer, "/virtual_host/domain");
  add(rows, "virtual host",
      domain.empty() ? "none has this authority"
                     : text_at(answer, "/virtual_host/name") + " (domain " + domain + ")");
  if (domain.empty()) return;
  const std::string match = text_at(answer, "/route/match");
  add(rows, "route",
      match.empty() ? "none matches"
                    : number_and_name(answer, "/route/number", "/route/name") + ": " + match);
}

void add_outcome(std::vector<Row>& rows, const json::value& answer) {
  const std::string status = text_at(answer, "/answer/status");
  if (!status.empty())
    add(rows, "answer", status + " from the proxy itself (" + text_at(answer, "/answer/details") + ")");
  add(rows, "location", text_at(answer, "/answer/location"));
  add(rows, "path rewrite",
      changed(answer, "/upstream_request/path_rewrite/from", "/upstream_request/path_rewrite/to"));
  add(rows, "host rewrite",
      changed(answer, "/upstream_request/host_rewrite/from", "/upstream_request/host_rewrite/to"));
  add(rows, "added headers", headers_at(answer, "/upstream_request/added_headers"));
  std::string mirrors;
  for (const json::value& mirror : list_at(answer, "/mirrors"))
    mirrors += (mirrors.empty() ? "" : ", ") + text_at(mirror, "/cluster");
  add(rows, "mirrors", mirrors);
  const std::string cluster = text_at(answer, "/cluster/name");
  const bool exists = text_at(answer, "/cluster/exists") == "true";
  add(rows, "cluster", cluster + (cluster.empty() || exists ? "" : " (there is none of that name)"));
  add(rows, "subset", text_at(answer, "/cluster/subset"));
  add(rows, "selection", text_at(answer, "/cluster/selection"));
  for (const json::value& note : list_at(answer, "/notes"))
    rows.push_back({"note", note.is_string() ? std::string(note.get_string()) : ""});
}

/// A table below the rest, if there is anything to tell.
void print_table(const char* title, Row header, std::vector<Row> rows) {
  if (rows.empty()) return;
  std::printf("\n%s\n", title);
  rows.insert(rows.begin(), std::move(header));
  TableWriter().print(rows);
}

void print_earlier(const json::value& answer) {
  std::vector<Row> rows;
  for (const json::value& route : list_at(answer, "/earlier_routes"))
    rows.push_back({number_and_name(route, "/number", "/name"), text_at(route, "/condition"),
                    text_at(route, "/expected"), text_at(route, "/seen")});
  print_table("Earlier routes that do not match:", {"ROUTE", "CONDITION", "EXPECTED", "SEEN"},
              std::move(rows));
  const std::string more = text_at(answer, "/earlier_routes_left_out");
  if (!more.empty()) std::printf("and %s more (--routes N)\n", more.c_str());
}

void print_clusters(const json::value& answer) {
  std::vector<Row> rows;
  for (const json::value& weighted : list_at(answer, "/weighted_clusters"))
    rows.push_back({text_at(weighted, "/name"), text_at(weighted, "/weight"),
                    text_at(weighted, "/share_percent") + " %",
                    text_at(weighted, "/chosen") == "true" ? "for this request" : ""});
  print_table("Clusters by weight:", {"CLUSTER", "WEIGHT", "SHARE", "CHOSEN"}, std::move(rows));
  rows.clear();
  for (const json::value& endpoint : list_at(answer, "/cluster/endpoints"))
    rows.push_back({text_at(endpoint, "/address"), text_at(endpoint, "/weight"),
                    text_at(endpoint, "/priority"), text_at(endpoint, "/health"),
                    text_at(endpoint, "/takes_requests") == "true" ? "yes" : "no"});
  print_table("Endpoints:", {"ADDRESS", "WEIGHT", "PRIORITY", "HEALTH", "TAKES REQUESTS"}, std::move(rows));
}

}  // namespace

void print_explanation(const json::object& object) {
  const json::value answer(object);
  std::vector<Row> rows;
  add_connection(rows, answer);
  add_routing(rows, answer);
  add_outcome(rows, answer);
  TableWriter().print(rows);
  print_earlier(answer);
  print_clusters(answer);
}

}  // namespace remora::ctl
