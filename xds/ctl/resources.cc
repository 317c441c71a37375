#include "ctl/resources.h"

#include <algorithm>
#include <cctype>

#include "ctl/api.h"
#include "web/percent.h"

namespace remora::ctl {
namespace {

std::string lower(std::string_view word) {
  std::string result(word);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

template <typename List>
bool contains(const List& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// "canaries" and "canaries.flagger.app", and the same for the other forms.
bool is_called(const store::Kind& kind, std::string word) {
  const std::string group = "." + std::string(kind.group);
  if (!kind.group.empty() && word.ends_with(group)) word.erase(word.size() - group.size());
  return word == kind.plural || word == kind.singular || word == lower(kind.kind) ||
         contains(kind.short_names, word);
}

}  // namespace

Result<std::vector<const store::Kind*>> kinds_of(const std::string& words) {
  std::vector<const store::Kind*> found;
  for (size_t start = 0; start <= words.size();) {
    const size_t end = std::min(words.find(',', start), words.size());
    const std::string word = lower(std::string_view(words).substr(start, end - start));
    const size_t before = found.size();
    for (const store::Kind& kind : store::kinds()) {
      if (is_called(kind, word) || contains(kind.categories, word)) found.push_back(&kind);
    }
    if (found.size() == before) return Error{"the server doesn't have a resource type \"" + word + "\""};
    start = end + 1;
  }
  return found;
}

std::string resource_path(const store::Kind& kind, const std::string& ns, const std::string& name,
                          std::string_view version) {
  if (version.empty()) version = kind.versions.front();
  std::string path = kind.group.empty() ? "/api/" : "/apis/" + std::string(kind.group) + "/";
  path += version;
  if (kind.namespaced && !ns.empty()) path += "/namespaces/" + web::percent_encode(ns);
  path += "/" + std::string(kind.plural);
  if (!name.empty()) path += "/" + web::percent_encode(name);
  return path;
}

std::string qualified(const store::Kind& kind) {
  return std::string(kind.singular) + (kind.group.empty() ? "" : "." + std::string(kind.group));
}

}  // namespace remora::ctl
