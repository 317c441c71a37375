#include "inject/manifest.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

#include "inject/injector.h"
#include "inject/workloads.h"
#include "istio/text/value.h"
#include "store/yaml.h"

namespace remora::inject {
namespace {

namespace json = boost::json;

/// A document as it stands in the file, without the line that parts it from the one before.
struct Document {
  std::string separator;  ///< that line; empty for the first where it has none
  std::string text;
  int line = 1;  ///< of its first line
};

bool is_separator(std::string_view line) {
  return line.starts_with("---") &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\n' || line[3] == '\r');
}

std::vector<Document> split(const std::string& text) {
  std::vector<Document> documents(1);
  int number = 1;
  for (size_t start = 0; start < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
    const std::string line = text.substr(start, end - start);
    if (is_separator(line)) {
      documents.push_back({line, "", number + 1});
    } else {
      documents.back().text += line;
    }
    start = end;
  }
  if (documents.front().text.empty()) documents.erase(documents.begin());
  return documents;
}

/// The object of a document; nothing where it holds none.
Result<std::optional<json::value>> read(const Document& document) {
  const auto values = istio::read_documents(document.text);
  if (const auto* fault = std::get_if<istio::SyntaxError>(&values)) {
    return Error{"line " + std::to_string(fault->line + document.line - 1) + ": " + fault->message};
  }
  const auto& list = std::get<0>(values);
  if (list.empty()) return std::optional<json::value>();
  boost::system::error_code error;
  json::value value = json::parse(istio::to_json(list.front()), error);
  if (error) return Error{"line " + std::to_string(document.line) + ": " + error.message()};
  return std::optional(std::move(value));
}

class Manifest {
 public:
  Manifest(const Settings& settings, const std::string& ns) : settings_(settings), ns_(ns) {}

  InjectedManifest out;

  Result<void> add(const Document& document) {
    out.text += document.separator;
    auto value = read(document);
    if (!value.ok()) return Error{value.error()};
    bool changed = false;
    if (*value && (*value)->is_object()) {
      auto done = inject((*value)->get_object());
      if (!done.ok()) return Error{done.error()};
      changed = *done;
    }
    out.text += changed ? store::to_yaml(**value) : document.text;
    return {};
  }

 private:
  Result<bool> inject(json::object& object) {
    bool changed = false;
    Result<void> failed;
    visit_pods(object, [&](json::object& pod, const std::string& workload, const std::string& what) {
      if (!failed.ok()) return;
      auto injected = inject_pod(pod, settings_, {workload, ns_});
      if (!injected.ok()) {
        failed = Error{what + ": " + injected.error().message};
        return;
      }
      if (!injected->changed) out.notes.push_back(what + ": is left as it is: " + injected->reason);
      for (const std::string& warning : injected->warnings) out.notes.push_back(what + ": " + warning);
      changed = changed || injected->changed;
      pod = std::move(injected->pod);
    });
    if (!failed.ok()) return Error{failed.error()};
    return changed;
  }

  const Settings& settings_;
  const std::string& ns_;
};

}  // namespace

Result<InjectedManifest> inject_manifest(const std::string& text, const Settings& settings,
                                         const std::string& ns) {
  Manifest manifest(settings, ns);
  for (const Document& document : split(text)) {
    const auto added = manifest.add(document);
    if (!added.ok()) return Error{added.error()};
  }
  return std::move(manifest.out);
}

}  // namespace remora::inject
