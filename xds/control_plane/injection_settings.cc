#include "control_plane/injection_settings.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "inject/settings_file.h"

namespace remora::xds {

InjectionSettings::InjectionSettings(inject::Settings base, std::string path)
    : base_(std::move(base)),
      path_(std::move(path)),
      settings_(base_) {}

Result<void> InjectionSettings::open() {
  if (path_.empty()) return {};
  seen_ = version();
  return read();
}

const inject::Settings& InjectionSettings::now() {
  if (path_.empty()) return settings_;
  const Version found = version();
  if (found == seen_) return settings_;
  seen_ = found;
  const auto done = read();
  if (done.ok()) {
    spdlog::info("injection: settings are those of {} as it is now", path_);
  } else {
    spdlog::error("injection: {}; what held before goes on holding", done.error().message);
  }
  return settings_;
}

void InjectionSettings::use(inject::Settings base) {
  base_ = std::move(base);
  const auto done = path_.empty() ? Result<void>() : read();
  if (path_.empty()) settings_ = base_;
  if (!done.ok()) spdlog::error("injection: {}; what held before goes on holding", done.error().message);
}

Result<void> InjectionSettings::read() {
  std::ifstream file(path_, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Error{path_ + ": cannot be read"};
  auto settings = inject::read_settings(text, base_);
  if (!settings.ok()) return Error{path_ + ": " + settings.error().message};
  settings_ = std::move(*settings);
  return {};
}

InjectionSettings::Version InjectionSettings::version() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

}  // namespace remora::xds
