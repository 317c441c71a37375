#include "admin/json_writer.h"

#include <cmath>

#include <fmt/format.h>

#include "remora/core/format.h"

namespace remora::admin {

void JsonWriter::new_line() {
  if (style_ == Style::kCompact) return;
  out_ += '\n';
  out_.append(static_cast<size_t>(depth_), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) out_ += ',';
  if (depth_ > 0) new_line();
  first_ = false;
}

void JsonWriter::open(char bracket) {
  before_value();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  out_ += bracket;
  first_ = false;
  if (depth_ == 0 && style_ == Style::kIndented) out_ += '\n';
}

void JsonWriter::key(std::string_view name) {
  before_value();
  out_ += '"';
  append_json_escaped(name, out_);
  out_ += style_ == Style::kIndented ? "\": " : "\":";
  after_key_ = true;
}

void JsonWriter::raw(std::string_view text) {
  before_value();
  out_ += text;
}

void JsonWriter::value(std::string_view text) {
  before_value();
  out_ += '"';
  append_json_escaped(text, out_);
  out_ += '"';
}

void JsonWriter::value(double number) {
  if (std::isfinite(number)) {
    raw(fmt::format("{}", number));
  } else {
    null();
  }
}

}  // namespace remora::admin
