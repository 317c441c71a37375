#include "client/call_metadata.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

#include "client/log.h"

namespace remora::xds {
namespace {

constexpr std::string_view kFile = "%FILE_CONTENT(";
constexpr std::string_view kEnd = ")%";
constexpr size_t kMaxFile = 16 * 1024;  // gRPC's servers take no more metadata than that

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// A bounded file without what ends it; nothing where it cannot be sent.
std::optional<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  const size_t last = text.find_last_not_of(" \t\r\n");
  text.resize(last == std::string::npos ? 0 : last + 1);
  if (text.empty() || text.size() > kMaxFile || !is_visible(text)) return std::nullopt;
  return text;
}

/// Walks through a value: hands on its plain parts, and the paths of its files.
template <typename Plain, typename File>
Result<void> for_each_part(std::string_view value, Plain plain, File file) {
  while (!value.empty()) {
    const size_t percent = value.find('%');
    plain(value.substr(0, percent));
    if (percent == std::string_view::npos) return {};
    value.remove_prefix(percent);
    if (value.starts_with("%%")) {
      plain("%");
      value.remove_prefix(2);
      continue;
    }
    const size_t end = value.find(kEnd);
    if (!value.starts_with(kFile) || end == std::string_view::npos || end == kFile.size()) {
      return Error{"only %FILE_CONTENT(PATH)% and %% are implemented of command operators"};
    }
    auto done = file(std::string(value.substr(kFile.size(), end - kFile.size())));
    if (!done.ok()) return done;
    value.remove_prefix(end + kEnd.size());
  }
  return {};
}

}  // namespace

Result<void> check_metadata_value(const std::string& value) {
  if (!is_visible(value)) return Error{"holds bytes that gRPC metadata cannot have"};
  return for_each_part(
      value, [](std::string_view) {}, [](const std::string&) { return Result<void>(); });
}

MetadataList make_metadata(const MetadataList& wanted) {
  MetadataList made;
  for (const auto& [name, value] : wanted) {
    std::string text;
    const auto filled = for_each_part(
        value, [&](std::string_view part) { text += part; },
        [&](const std::string& path) -> Result<void> {
          const auto contents = read_token(path);
          if (!contents) return Error{"no token can be read from " + path};
          text += *contents;
          return {};
        });
    if (filled.ok()) {
      made.emplace_back(name, std::move(text));
    } else {
      log(LogLevel::kWarning, "metadata " + name + " is not sent: " + filled.error().message);
    }
  }
  return made;
}

}  // namespace remora::xds
