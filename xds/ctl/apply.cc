#include <boost/json.hpp>
#include <cstdio>

#include "ctl/api.h"
#include "ctl/commands.h"
#include "ctl/resources.h"
#include "web/percent.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

std::string query_of(const Arguments& arguments) {
  std::string query = "?fieldManager=" + web::percent_encode(arguments.get("--field-manager", "remoractl"));
  query += "&fieldValidation=Strict";
  if (arguments.has("--force-conflicts")) query += "&force=true";
  if (arguments.get("--dry-run", "none") == "server") query += "&dryRun=All";
  return query;
}

/// An object without what says who wrote it and when.
json::value content_of(json::value object) {
  boost::system::error_code error;
  json::value* metadata = object.find_pointer("/metadata", error);
  if (metadata == nullptr || !metadata->is_object()) return object;
  for (const char* name : {"managedFields", "resourceVersion", "generation"})
    metadata->as_object().erase(name);
  return object;
}

/// What became of an object that was there before: a dry run changes no version, so this looks at the whole.
const char* outcome(const json::value& before, const web::Response& answer) {
  const auto after = json_of(answer);
  return after.ok() && content_of(*after) == content_of(before) ? "unchanged" : "configured";
}

/// The text of a Warning header: `299 - "text"`.
std::string warning_text(const std::string& header) {
  const size_t start = header.find('"');
  const size_t end = header.rfind('"');
  if (start == std::string::npos || end <= start) return header;
  std::string text;
  for (size_t i = start + 1; i < end; ++i) {
    if (header[i] == '\\' && i + 1 < end) ++i;
    text += header[i];
  }
  return text;
}

int apply_one(const Api& api, const Manifest& manifest, const std::string& query) {
  const auto present = api.call(manifest.path());
  if (!present.ok()) return fail(present.error().message);
  if (present->status != 200 && present->status != 404) return refused(*present);
  const auto answer = api.call(manifest.path() + query, {.method = web::Verb::patch,
                                                         .content_type = "application/apply-patch+yaml",
                                                         .body = json::serialize(manifest.body)});
  if (!answer.ok()) return fail(answer.error().message);
  for (auto [at, end] = answer->headers.equal_range("Warning"); at != end; ++at) {
    std::fprintf(stderr, "Warning: %s\n", warning_text(std::string(at->value())).c_str());
  }
  if (answer->status >= 300) {
    std::fprintf(stderr, "%s: ", manifest.source.c_str());
    return refused(*answer);
  }
  const auto before = json_of(*present);
  const char* how = present->status == 404 || !before.ok() ? "created" : outcome(*before, *answer);
  const bool dry = query.find("dryRun") != std::string::npos;
  std::printf("%s/%s %s%s\n", qualified(*manifest.kind).c_str(), manifest.name.c_str(), how,
              dry ? " (server dry run)" : "");
  return kGood;
}

}  // namespace

int apply(const Arguments& arguments) {
  if (!arguments.has("--filename")) return fail("must specify --filename");
  const std::string dry_run = arguments.get("--dry-run", "none");
  if (dry_run != "none" && dry_run != "server")
    return fail("--dry-run is server or none, not \"" + dry_run + "\"");
  const auto connection = connection_of(arguments);
  if (!connection.ok()) return fail(connection.error().message);
  const auto manifests = read_manifests(arguments);
  if (!manifests.ok()) return fail(manifests.error().message);
  const Api api(*connection);
  int worst = kGood;
  for (const Manifest& manifest : *manifests) {
    const int result = apply_one(api, manifest, query_of(arguments));
    if (result == kFailed) return kFailed;  // nobody answers: the others would fare no better
    worst = std::max(worst, result);
  }
  return worst;
}

}  // namespace remora::ctl
