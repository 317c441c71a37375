#include "ctl/route_tests.h"

#include <google/protobuf/util/json_util.h>

#include <boost/json.hpp>
#include <functional>
#include <map>

#include "envoy/config/route/v3/route_components.pb.h"
#include "remora/core/stats.h"
#include "translate/field_check.h"
#include "translate/matchers.h"
#include "translate/values.h"
#include "translate/yaml_document.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// A place in the document, which throws nothing and remembers the first mistake.
class Place {
 public:
  Place(const json::value& value, std::string path, std::optional<Error>& error)
      : value_(value),
        path_(std::move(path)),
        error_(error) {}

  void fail(const std::string& what) const {
    if (!error_) error_ = Error{path_ + ": " + what};
  }
  [[nodiscard]] const json::value& value() const { return value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string text() const {
    if (value_.is_string()) return std::string(value_.get_string());
    if (value_.is_number() || value_.is_bool()) return json::serialize(value_);  // YAML without quotes
    fail("must be a string");
    return {};
  }
  [[nodiscard]] bool flag() const {
    if (!value_.is_bool()) fail("must be true or false");
    return value_.is_bool() && value_.get_bool();
  }
  [[nodiscard]] uint64_t number() const {
    boost::system::error_code failed;
    // protobuf's JSON writes 64-bit numbers as strings.
    if (value_.is_string()) {
      try_number(std::string(value_.get_string()), failed);
      return parsed_;
    }
    const auto read = value_.is_number() ? value_.to_number<uint64_t>(failed) : uint64_t{0};
    if (!value_.is_number() || failed) fail("must be a whole number");
    return read;
  }
  /// Each member must be one of `known`; the functions read it.
  using Members = std::map<std::string_view, std::function<void(const Place&)>>;
  void object(const Members& known) const {
    if (!value_.is_object()) return fail("must be an object");
    for (const auto& member : value_.get_object()) {
      const std::string name(member.key());
      const Place place(member.value(), path_.empty() ? name : path_ + "." + name, error_);
      const auto found = known.find(name);
      if (found == known.end()) return place.fail("is not known");
      found->second(place);
    }
  }
  void list(const std::function<void(const Place&)>& visit) const {
    if (!value_.is_array()) return fail("must be a list");
    for (size_t i = 0; i < value_.get_array().size(); ++i)
      visit(Place(value_.get_array()[i], path_ + "[" + std::to_string(i) + "]", error_));
  }

 private:
  void try_number(const std::string& text, boost::system::error_code& failed) const {
    const json::value read = json::parse(text, failed);
    parsed_ = !failed && read.is_number() ? read.to_number<uint64_t>(failed) : 0;
    if (failed || !read.is_number()) fail("must be a whole number");
  }

  const json::value& value_;
  std::string path_;
  std::optional<Error>& error_;
  mutable uint64_t parsed_ = 0;
};

/// HeaderValue: {key, value}.
std::pair<std::string, std::string> header_of(const Place& place) {
  std::pair<std::string, std::string> header;
  place.object({{"key", [&](const Place& at) { header.first = xds::lower(at.text()); }},
                {"value", [&](const Place& at) { header.second = at.text(); }}});
  if (header.first.empty()) place.fail("has no key");
  return header;
}

Headers headers_of(const Place& place) {
  Headers all;
  place.list([&](const Place& at) { all.push_back(header_of(at)); });
  return all;
}

template <typename Message>
std::optional<Message> message_of(const Place& place) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json::serialize(place.value()), &message);
  if (status.ok()) return message;
  place.fail(std::string(status.message()));
  return std::nullopt;
}

void add_matcher(const Place& place, std::vector<std::pair<std::string, HeaderMatcher>>& out) {
  const auto message = message_of<envoy::config::route::v3::HeaderMatcher>(place);
  if (!message) return;
  StatsStore stats{1};
  const NodeInfo node;
  const std::map<std::string, std::string> runtime;
  const xds::Environment environment{stats, node, runtime};
  ConfigReport report;
  xds::Context context(environment, report);
  xds::check_fields(*message, context);
  HeaderMatcher matcher = xds::to_header_matcher(*message, context);
  if (!report.ok()) return place.fail(report.error_text());
  out.emplace_back(json::serialize(place.value()), std::move(matcher));
}

/// {metadata_namespace, value}, as the filter set_metadata has it.
void add_metadata(const Place& place, Metadata& metadata) {
  std::string name;
  std::optional<google::protobuf::Struct> value;
  place.object({{"metadata_namespace", [&](const Place& at) { name = at.text(); }},
                {"allow_overwrite", [](const Place& at) { (void)at.flag(); }},
                {"value", [&](const Place& at) { value = message_of<google::protobuf::Struct>(at); }}});
  if (name.empty()) return place.fail("has no metadata_namespace");
  if (value) metadata.filters[name].value = xds::to_metadata(*value);
}

struct Input {
  std::string authority;
  std::string path;
  std::string method = "GET";
  bool ssl = false;
  Headers headers;
};

void read_input(const Place& place, RouteTest& test) {
  Input in;
  place.object({{"authority", [&](const Place& at) { in.authority = at.text(); }},
                {"path", [&](const Place& at) { in.path = at.text(); }},
                {"method", [&](const Place& at) { in.method = at.text(); }},
                {"random_value", [&](const Place& at) { test.random = at.number(); }},
                {"ssl", [&](const Place& at) { in.ssl = at.flag(); }},
                {"internal", [&](const Place& at) { test.internal = at.flag(); }},
                {"runtime", [&](const Place& at) { test.runtime = at.text(); }},
                {"additional_request_headers", [&](const Place& at) { in.headers = headers_of(at); }},
                {"additional_response_headers",
                 [&](const Place& at) {
                   for (const auto& [name, value] : headers_of(at)) test.response_fields.add(name, value);
                 }},
                {"dynamic_metadata", [&](const Place& at) {
                   at.list([&](const Place& one) { add_metadata(one, test.metadata); });
                 }}});
  if (in.authority.empty()) place.fail("authority is required");
  if (in.path.empty()) place.fail("path is required");
  test.request.add(HeaderId::kMethod, in.method);
  test.request.add(HeaderId::kAuthority, in.authority);
  test.request.add(HeaderId::kPath, in.path);
  test.request.add(HeaderId::kScheme, in.ssl ? "https" : "http");
  test.request.add(HeaderId::kXForwardedProto, in.ssl ? "https" : "http");
  if (test.internal) test.request.add(HeaderId::kXEnvoyInternal, "true");
  for (const auto& [name, value] : in.headers) test.request.add(name, value);
}

void read_expectations(const Place& place, RouteTest& test) {
  const auto into = [](std::optional<std::string>& target) {
    return [&target](const Place& at) { target = at.text(); };
  };
  const auto matchers = [](auto& list) {
    return [&list](const Place& at) { at.list([&](const Place& one) { add_matcher(one, list); }); };
  };
  if (place.value().is_object() && place.value().get_object().empty()) place.fail("must look at something");
  place.object({{"cluster_name", into(test.cluster)},
                {"virtual_cluster_name", into(test.virtual_cluster)},
                {"virtual_host_name", into(test.virtual_host)},
                {"path_rewrite", into(test.path_rewrite)},
                {"host_rewrite", into(test.host_rewrite)},
                {"path_redirect", into(test.path_redirect)},
                {"code", [&](const Place& at) { test.code = at.number(); }},
                {"request_header_matches", matchers(test.request_headers)},
                {"response_header_matches", matchers(test.response_headers)}});
}

void read_test(const Place& place, RouteTest& test) {
  bool has_input = false;
  bool has_expectations = false;
  place.object(
      {{"test_name", [&](const Place& at) { test.name = at.text(); }},
       {"input", [&](const Place& at) { has_input = true, read_input(at, test); }},
       {"validate", [&](const Place& at) { has_expectations = true, read_expectations(at, test); }}});
  if (test.name.empty()) place.fail("test_name is required");
  if (!has_input) place.fail("input is required");
  if (!has_expectations) place.fail("validate is required");
}

}  // namespace

Result<std::vector<RouteTest>> read_route_tests(const std::string& text, const std::string& origin) {
  auto document = xds::parse_yaml(text, origin);
  if (!document.ok()) return std::move(document).error();
  boost::system::error_code failed;
  const json::value root = json::parse(xds::to_json(*document), failed);
  if (failed) return Error{origin + ": " + failed.message()};
  std::vector<RouteTest> tests;
  std::optional<Error> error;
  Place(root, "", error).object({{"tests", [&](const Place& at) {
                                    at.list([&](const Place& one) { read_test(one, tests.emplace_back()); });
                                  }}});
  if (!error && tests.empty()) error = Error{"tests: there are none"};
  if (error) return std::move(*error).in(origin);
  return tests;
}

}  // namespace remora::ctl
