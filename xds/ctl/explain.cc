#include <boost/json.hpp>
#include <cstdio>

#include "ctl/admin_client.h"
#include "ctl/commands.h"
#include "ctl/explain_output.h"
#include "ctl/request_words.h"

namespace remora::ctl {
namespace {

constexpr const char* kHelp =
    "Asks a proxy's admin port where a request would go, and why it would not go elsewhere; nothing is "
    "sent to any\n"
    "upstream. Flags are curl's where curl has them. The port of the URL (80 and 443 by default) says which\n"
    "listener is asked; --destination or --listener say it where that is another.\n"
    "remoractl explain http://api/x?y=1 -H 'x-user: alice' --admin 127.0.0.1:15000\n"
    "Exit code: 0 where a cluster or the proxy itself would answer, 1 where nobody listens or no route "
    "matches.";

/// Whether somebody would take the request: a cluster that exists, or an answer that the route gives.
bool is_taken(const boost::json::value& answer) {
  boost::system::error_code failed;
  const auto* cluster = answer.find_pointer("/cluster/exists", failed);
  if (cluster != nullptr) return cluster->is_bool() && cluster->get_bool();
  const auto* details = answer.find_pointer("/answer/details", failed);
  if (details != nullptr) return details->is_string() && details->get_string() == "direct_response";
  return answer.find_pointer("/weighted_clusters/0", failed) != nullptr;
}

int explain(const Arguments& arguments) {
  const std::string form = arguments.get("--output");
  if (!form.empty() && form != "json") return fail("--output: json is the only other form");
  const auto question = question_of(arguments);
  if (!question.ok()) return fail(question.error().message);
  const auto body = admin_post(proxy_admin_address(arguments), "/explain", boost::json::serialize(*question));
  if (!body.ok()) return fail(body.error().message);
  boost::system::error_code failed;
  const boost::json::value answer = boost::json::parse(*body, failed);
  if (failed || !answer.is_object()) return fail("the proxy's answer is not understood");
  if (form == "json") {
    std::fputs(body->c_str(), stdout);
  } else {
    print_explanation(answer.get_object());
  }
  return is_taken(answer) ? kGood : kBad;
}

}  // namespace

Command explain_command() {
  return {
      .name = "explain",
      .arguments = "URL",
      .summary = "where a proxy would send a request, and why not elsewhere",
      .help = kHelp,
      .flags = {{"--header", "-H", "'NAME: VALUE'", "a request header; may be repeated"},
                {"--request", "-X", "METHOD", "its method (default GET)"},
                {"--cookie", "-b", "'NAME=VALUE; ...'", "its cookies"},
                {"--destination", "", "[IP][:PORT]", "where the connection goes (default: the URL's port)"},
                {"--listener", "", "NAME", "the listener that takes the connection"},
                {"--direction", "", "inbound|outbound",
                 "in a sidecar: the connection was redirected there by the kernel"},
                {"--source", "", "IP[:PORT]", "the client's address (default 127.0.0.1)"},
                {"--sni", "", "NAME", "the server name in its handshake (default: the URL's host)"},
                {"--alpn", "", "NAMES", "protocols that its handshake offers, by comma"},
                {"--http2", "", "", "the client speaks HTTP/2"},
                {"--claims", "", "JSON", "claims of a token that the proxy would have verified"},
                {"--metadata", "", "JSON", "dynamic metadata, as filters would have set it"},
                {"--random", "", "N", "the random value by which shares are decided (default 0)"},
                {"--routes", "", "N", "how many earlier routes to tell of at most (default 100)"},
                {"--output", "-o", "json", "the proxy's whole answer"}},
      .min_words = 1,
      .max_words = 1,
      .run = explain};
}

}  // namespace remora::ctl
