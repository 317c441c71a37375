#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "inject/settings.h"
#include "remora/core/result.h"

namespace remora::xds {

/// How pods get their sidecar: what the control plane knows itself, and the file --injection-settings over
/// it, which is read again when it has changed. A bad file changes nothing. Control thread only.
class InjectionSettings {
 public:
  /// `path` empty: no file.
  InjectionSettings(inject::Settings base, std::string path);

  /// The first reading; an error names the file.
  Result<void> open();
  const inject::Settings& now();
  /// What the control plane knows itself is another from now on.
  void use(inject::Settings base);

 private:
  /// What tells one version of a file from another; a mounted ConfigMap changes by a link to a new file.
  using Version = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;

  Result<void> read();
  Version version() const;

  inject::Settings base_;
  const std::string path_;
  inject::Settings settings_;
  Version seen_{};
};

}  // namespace remora::xds
