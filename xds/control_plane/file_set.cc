#include "control_plane/file_set.h"

namespace remora::xds {
namespace {

using istio::Diagnostic;
using istio::Diagnostics;
using istio::ResourcePtr;
using istio::Severity;

/// Says of every error that the old contents hold, since that is what its reader will wonder.
void note_last_good(Diagnostics& findings, bool has_last_good) {
  if (!has_last_good) return;
  for (Diagnostic& finding : findings) {
    if (finding.severity == Severity::kError) finding.message += "; the file's last good contents stay";
  }
}

}  // namespace

void FileSet::update(const std::string& path, const std::string& text) {
  istio::ParsedFile parsed = istio::parse_file(path, text);
  File& file = files_[path];
  if (istio::has_errors(parsed.findings)) {
    note_last_good(parsed.findings, !file.resources.empty());
  } else {
    file.resources = std::move(parsed.resources);
  }
  file.findings = std::move(parsed.findings);
  ++version_;
}

void FileSet::fail(const std::string& path, const std::string& reason) {
  File& file = files_[path];
  file.findings = {{Severity::kError, path, 0, "", "", reason}};
  note_last_good(file.findings, !file.resources.empty());
  ++version_;
}

void FileSet::remove(const std::string& path) {
  if (files_.erase(path) > 0) ++version_;
}

ResourceList FileSet::list() {
  std::map<std::string, std::string> owners;
  // First those who owned something and still have it, then the others in the order of their paths.
  for (const auto& [path, file] : files_) {
    for (const ResourcePtr& resource : file.resources) {
      const auto before = owners_.find(resource->id());
      if (before != owners_.end() && before->second == path) owners.emplace(resource->id(), path);
    }
  }
  for (const auto& [path, file] : files_) {
    for (const ResourcePtr& resource : file.resources) owners.emplace(resource->id(), path);
  }
  owners_ = std::move(owners);

  ResourceList list;
  list.version = version_;
  for (const auto& [path, file] : files_) {
    list.findings.insert(list.findings.end(), file.findings.begin(), file.findings.end());
    for (const ResourcePtr& resource : file.resources) {
      const std::string& owner = owners_.at(resource->id());
      if (owner == path) {
        list.resources.push_back(resource);
      } else {
        list.findings.push_back({Severity::kError, path, resource->line, resource->id(), "",
                                 "is defined in " + owner + " already: this one has no effect"});
      }
    }
  }
  return list;
}

}  // namespace remora::xds
