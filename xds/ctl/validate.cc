#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <set>

#include "ctl/commands.h"
#include "istio/reconcile/reconcile.h"
#include "istio/reconcile/references.h"

namespace remora::ctl {
namespace {

using istio::Diagnostic;
using istio::Diagnostics;
using istio::Severity;

std::optional<std::string> read(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return std::nullopt;
  return text;
}

/// References between the files. What is missing altogether may be in the mesh already, so that is a warning
/// here.
Diagnostics check_references(const istio::Registry& registry) {
  Diagnostics findings = registry.findings();
  for (const istio::ResourcePtr& resource : registry.virtual_services()) {
    for (istio::DanglingReference& reference : istio::dangling_references(*resource, registry)) {
      const bool elsewhere =
          reference.kind == istio::DanglingReference::Kind::kHost || reference.rule_missing;
      if (elsewhere) reference.finding.severity = Severity::kWarning;
      if (elsewhere) reference.finding.message += " in these files";
      findings.push_back(std::move(reference.finding));
    }
  }
  return findings;
}

}  // namespace

int validate(const Arguments& arguments) {
  std::vector<istio::ResourcePtr> resources;
  std::set<std::string> ids;
  Diagnostics findings;
  for (const std::string& path : arguments.words) {
    const auto text = read(path);
    if (!text) return fail(path + " cannot be read");
    istio::ParsedFile parsed = istio::parse_file(path == "-" ? "<stdin>" : path, *text);
    for (const istio::ResourcePtr& resource : parsed.resources) {
      if (ids.insert(resource->id()).second) {
        resources.push_back(resource);
      } else {
        findings.push_back(
            istio::finding(Severity::kError, *resource, "", "is defined in another file already"));
      }
    }
    findings.insert(findings.end(), parsed.findings.begin(), parsed.findings.end());
  }
  const Diagnostics between = check_references(istio::Registry(resources));
  findings.insert(findings.end(), between.begin(), between.end());
  for (const Diagnostic& finding : findings) std::puts(istio::to_string(finding).c_str());
  if (istio::has_errors(findings)) return kBad;
  std::printf("%zu resources are valid\n", resources.size());
  return kGood;
}

}  // namespace remora::ctl
