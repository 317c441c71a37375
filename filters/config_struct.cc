#include "config_struct.h"

#include <google/protobuf/struct.pb.h>

#include <charconv>
#include <cmath>

namespace remora::filters {
namespace {

using google::protobuf::Value;

/// As many digits as it takes.
std::string text_of(double number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  return {digits, end};
}

}  // namespace

StructReader::StructReader(const FilterSource& source, ConfigReport& report)
    : path_(source.path + ".value"),
      report_(report),
      fields_(std::make_unique<google::protobuf::Struct>()) {
  parse_config(source, *fields_, report);
}

StructReader::~StructReader() = default;

const Value* StructReader::find(const std::string& field) {
  asked_.insert(field);
  const auto found = fields_->fields().find(field);
  return found == fields_->fields().end() ? nullptr : &found->second;
}

void StructReader::refuse(const std::string& field, const std::string& message) {
  report_.error(path_ + "." + field, message);
}

void StructReader::read(const std::string& field, Milliseconds& out) {
  const Value* value = find(field);
  if (value == nullptr) return;
  const std::string& text = value->string_value();
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool readable = error == std::errc() && std::string_view(end) == "s";
  constexpr double kDay = 86400;
  if (!readable || !(seconds >= 0.001 && seconds <= kDay))
    return refuse(field, "must be a duration from 0.001s to 86400s");
  out = Milliseconds(std::lround(seconds * 1000));
}

bool StructReader::number(const std::string& field, double least, double most, bool whole, double& out) {
  const Value* value = find(field);
  if (value == nullptr) return false;
  const double number = value->number_value();
  const bool good = value->kind_case() == Value::kNumberValue && number >= least && number <= most &&
                    (!whole || number == std::floor(number));
  if (good) {
    out = number;
  } else {
    refuse(field, std::string(whole ? "must be a whole number from " : "must be a number from ") +
                      text_of(least) + " to " + text_of(most));
  }
  return good;
}

void StructReader::read(const std::string& field, double least, double most, double& out) {
  number(field, least, most, false, out);
}

void StructReader::read(const std::string& field, uint32_t least, uint32_t most, uint32_t& out) {
  double given = 0;
  if (number(field, least, most, true, given)) out = static_cast<uint32_t>(given);
}

void StructReader::finish() {
  for (const auto& [field, value] : fields_->fields()) {
    if (!asked_.contains(field)) refuse(field, "is not implemented by this build");
  }
}

}  // namespace remora::filters
