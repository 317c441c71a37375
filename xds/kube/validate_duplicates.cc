#include <boost/json/basic_parser_impl.hpp>
#include <set>
#include <string>
#include <vector>

#include "kube/limits.h"
#include "kube/validate.h"

namespace remora::kube {
namespace {

namespace json = boost::json;
using ErrorCode = boost::system::error_code;

constexpr size_t kMaxFindings = 64;

/// Listens to a parser, and remembers where in the document it is and which names it has met there.
struct DuplicateFinder {
  static constexpr size_t max_object_size =
      static_cast<size_t>(-1);                                       // NOLINT: names that the parser asks for
  static constexpr size_t max_array_size = static_cast<size_t>(-1);  // NOLINT
  static constexpr size_t max_key_size = kMaxBodyBytes;              // NOLINT
  static constexpr size_t max_string_size = kMaxBodyBytes;           // NOLINT

  struct Frame {
    bool is_list = false;
    size_t index = 0;
    std::string name;
    std::set<std::string, std::less<>> seen;
  };

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return begin(false); }
  bool on_object_end(size_t, ErrorCode&) { return end(); }
  bool on_array_begin(ErrorCode&) { return begin(true); }
  bool on_array_end(size_t, ErrorCode&) { return end(); }
  bool on_key_part(json::string_view part, size_t, ErrorCode&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, size_t, ErrorCode&) {
    key_.append(part.data(), part.size());
    frames_.back().name = std::move(key_);
    key_.clear();
    if (!frames_.back().seen.insert(frames_.back().name).second && found.size() < kMaxFindings) {
      found.push_back("duplicate field \"" + path() + '"');
    }
    return true;
  }
  bool on_string_part(json::string_view, size_t, ErrorCode&) { return true; }
  bool on_string(json::string_view, size_t, ErrorCode&) { return scalar(); }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }
  bool on_int64(int64_t, json::string_view, ErrorCode&) { return scalar(); }
  bool on_uint64(uint64_t, json::string_view, ErrorCode&) { return scalar(); }
  bool on_double(double, json::string_view, ErrorCode&) { return scalar(); }
  bool on_bool(bool, ErrorCode&) { return scalar(); }
  bool on_null(ErrorCode&) { return scalar(); }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }

  std::vector<std::string> found;

 private:
  bool begin(bool is_list) {
    frames_.push_back({is_list, 0, {}, {}});
    return true;
  }
  bool end() {
    frames_.pop_back();
    return scalar();
  }
  bool scalar() {
    if (!frames_.empty() && frames_.back().is_list) ++frames_.back().index;
    return true;
  }
  std::string path() const {
    std::string text;
    for (const Frame& frame : frames_) {
      if (frame.is_list) {
        text += '[' + std::to_string(frame.index) + ']';
      } else {
        text += (text.empty() ? "" : ".") + frame.name;
      }
    }
    return text;
  }

  std::vector<Frame> frames_;
  std::string key_;
};

}  // namespace

std::vector<std::string> duplicate_fields(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<DuplicateFinder> parser(options);
  ErrorCode error;
  parser.write_some(false, text.data(), text.size(), error);
  return std::move(parser.handler().found);
}

}  // namespace remora::kube
