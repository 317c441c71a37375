#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "istio/text/diagnostic.h"
#include "istio/text/scalar.h"
#include "istio/text/value.h"

namespace remora::istio {

/// What the findings about one resource have in common, and where they go.
struct ReadContext {
  std::string file;
  std::string resource;
  Diagnostics* out = nullptr;

  void report(Severity severity, int line, std::string path, std::string message) const;
};

/// A word of an enumeration and what it stands for.
template <typename T>
using Words = std::vector<std::pair<std::string_view, T>>;

/// A map being read into a struct, strictly: every value is checked for its type, and a field that nobody
/// asked for is reported as unknown when the reader goes out of scope. The readers return whether the field
/// was there and good; then only is `out` changed. A field that is null counts as absent, as in Kubernetes.
class Fields {
 public:
  /// `value` must be a map (else that is reported, and all fields are absent) and outlive this reader.
  Fields(const Value& value, std::string path, const ReadContext& context);
  ~Fields();
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  bool string(std::string_view name, std::string& out);
  bool boolean(std::string_view name, bool& out);
  bool integer(std::string_view name, long long lowest, long long highest, long long& out);
  bool number(std::string_view name, double lowest, double highest, double& out);
  /// A duration of at least a millisecond, or zero where `zero_allowed`.
  bool duration(std::string_view name, Duration& out, bool zero_allowed = false);
  bool strings(std::string_view name, std::vector<std::string>& out);
  /// Hands each item of the list called `name` to `take`; items must be whole numbers in the range.
  bool integers(std::string_view name, long long lowest, long long highest,
                const std::function<void(long long)>& take_item);
  bool string_map(std::string_view name, std::map<std::string, std::string>& out);

  /// An unsigned field of any width, within its type's range unless told.
  template <typename T>
  bool unsigned_integer(std::string_view name, std::optional<T>& out, T lowest = 0,
                        T highest = static_cast<T>(-1)) {
    long long number = 0;
    if (!integer(name, static_cast<long long>(lowest), static_cast<long long>(highest), number)) return false;
    out = static_cast<T>(number);
    return true;
  }

  template <typename T>
  bool word(std::string_view name, const Words<T>& words, T& out) {
    std::string text;
    if (!string(name, text)) return false;
    for (const auto& [known, meaning] : words) {
      if (known == text) {
        out = meaning;
        return true;
      }
    }
    std::vector<std::string_view> known;
    for (const auto& entry : words) known.push_back(entry.first);
    report_bad_word(name, text, known);
    return false;
  }

  /// Hands the map called `name` to `read`. False where there is none.
  bool object(std::string_view name, const std::function<void(Fields&)>& read);
  /// Hands each item of the list called `name` to `read`; items must be maps.
  bool objects(std::string_view name, const std::function<void(Fields&)>& read);
  /// Hands each field of the map called `name` to `read`, for maps whose keys are data.
  bool entries(std::string_view name, const std::function<void(const std::string& key, Fields&)>& read);

  /// A field that the API knows and this build does not implement: reported with its path and `reason` if it
  /// is set.
  bool unsupported(std::string_view name, Severity severity, std::string_view reason);
  /// Fields that the mesh itself gives no meaning to: accepted whatever they hold.
  void ignore(std::initializer_list<std::string_view> names);
  /// All other fields: for parts of objects that are somebody else's business.
  void ignore_rest();

  /// The names in this map, for maps whose names are data.
  std::vector<std::string> names() const;

  bool has(std::string_view name) const;
  bool is_string(std::string_view name) const;
  int line() const { return value_.line; }
  int line_of(std::string_view name) const;
  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const;
  const ReadContext& context() const { return context_; }

  /// A finding about the field `name`, or about this map where `name` is empty.
  void error(std::string_view name, std::string message) const;
  void warning(std::string_view name, std::string message) const;

 private:
  /// The field, marked as known; null where absent or of another type (then reported).
  const Value* take(std::string_view name, Value::Type type, std::string_view expected);
  const Value* take_any(std::string_view name);
  void report_bad_word(std::string_view name, const std::string& text,
                       const std::vector<std::string_view>& known);

  const Value& value_;
  std::string path_;
  const ReadContext& context_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace remora::istio
