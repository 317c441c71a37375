#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "ctl/commands.h"
#include "ctl/inject_settings.h"
#include "inject/manifest.h"

namespace remora::ctl {
namespace {

Result<std::string> contents_of(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{path + ": cannot be read"};
  return text;
}

}  // namespace

/// Nothing is printed unless all of it is good: what goes on to `kubectl apply -f -` is whole or not there.
int inject(const Arguments& arguments) {
  const auto settings = inject_settings(arguments);
  if (!settings.ok()) return fail(settings.error().message);
  if (arguments.all("--filename").empty()) return fail("inject needs --filename");
  std::string out;
  for (const std::string& path : arguments.all("--filename")) {
    const auto text = contents_of(path);
    if (!text.ok()) return fail(text.error().message);
    const std::string file = path == "-" ? "<stdin>" : path;
    auto injected = inject::inject_manifest(*text, *settings, arguments.get("--namespace"));
    if (!injected.ok()) {
      std::fprintf(stderr, "error: %s: %s\n", file.c_str(), injected.error().message.c_str());
      return kBad;
    }
    for (const std::string& note : injected->notes)
      std::fprintf(stderr, "%s: %s\n", file.c_str(), note.c_str());
    if (!out.empty() && !injected->text.starts_with("---")) out += "---\n";
    out += injected->text;
  }
  std::fputs(out.c_str(), stdout);
  return kGood;
}

}  // namespace remora::ctl
