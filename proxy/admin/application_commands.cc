#include <algorithm>
#include <charconv>
#include <memory>

#include "admin/application.h"
#include "admin/commands.h"

namespace remora::admin {
namespace {

constexpr std::chrono::milliseconds kLongest{60'000};

std::string text_of(const Request& request, std::string_view name) {
  return std::string(request.parameter(name).value_or(""));
}

Application::Place place_of(const Request& request, std::chrono::milliseconds otherwise) {
  Application::Place place{text_of(request, "host"), text_of(request, "port"), text_of(request, "source"),
                           otherwise};
  const std::string limit = text_of(request, "timeout_ms");
  int64_t number = 0;
  std::from_chars(limit.data(), limit.data() + limit.size(), number);
  if (number > 0) place.limit = std::min(std::chrono::milliseconds(number), kLongest);
  return place;
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

/// The application's metrics, or why they are not there, in front of those of the proxy.
Response with_metrics(Response ours, Result<std::string> theirs) {
  auto front = std::make_shared<std::string>(
      "# TYPE remora_application_scrape_success gauge\nremora_application_scrape_success ");
  if (theirs) {
    front->append("1\n").append(*theirs);
    if (!front->ends_with('\n')) front->push_back('\n');
  } else {
    front->append("0\n# the application's metrics are missing: ")
        .append(one_line(theirs.error().message))
        .push_back('\n');
  }
  if (!ours.more) {
    ours.body.insert(0, *front);
    return ours;
  }
  ours.more = [front, rest = std::move(ours.more)](std::string& piece) {
    if (front->empty()) return rest(piece);
    piece = std::move(*front);
    front->clear();
    return true;
  };
  return ours;
}

}  // namespace

Response application_connect(const Request& request, AdminSources& sources) {
  if (sources.application == nullptr) return Response::text("there is nobody to ask\n", 503);
  constexpr std::chrono::milliseconds kLimit{1000};
  Response response;
  response.later = [place = place_of(request, kLimit), &application = *sources.application](auto done) {
    application.connect(place, [done = std::move(done)](const Result<void>& connected) {
      done(connected ? Response::text("connected\n") : Response::text(connected.error().message + "\n", 503));
    });
  };
  return response;
}

Response application_metrics(const Request& request, AdminSources& sources) {
  if (sources.application == nullptr) return Response::text("there is nobody to ask\n", 503);
  constexpr std::chrono::milliseconds kLimit{8000};
  Response response;
  response.later = [place = place_of(request, kLimit), path = text_of(request, "path"), request,
                    &sources](auto done) {
    sources.application->metrics(place, path.empty() ? "/metrics" : path,
                                 [request, &sources, done = std::move(done)](Result<std::string> theirs) {
                                   done(with_metrics(stats_prometheus(request, sources), std::move(theirs)));
                                 });
  };
  return response;
}

}  // namespace remora::admin
