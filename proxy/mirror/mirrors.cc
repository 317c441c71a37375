#include "mirror/mirrors.h"

#include "mirror/mirror.h"

namespace remora {

Mirrors::Mirrors() = default;
Mirrors::~Mirrors() = default;

void Mirrors::add(LocalRef<Mirror> mirror) {
  if (!mirror) return;
  if (const auto& compare = mirror->compare(); compare && compare->body) {
    answer_.emplace();
    most_ = compare->max_body_bytes;
  }
  mirrors_.push_back(std::move(mirror));
}

void Mirrors::body(std::string_view bytes, bool end) {
  for (auto& mirror : mirrors_) mirror->add_body(bytes, end);
}

void Mirrors::trailers(const HeaderMap& trailers) {
  for (auto& mirror : mirrors_) mirror->add_trailers(trailers);
}

void Mirrors::digest(std::string_view bytes) {
  if (answer_->size() <= most_) answer_->add(bytes);
}

void Mirrors::finish(const ExchangeInfo& info, bool request_complete) {
  for (auto& mirror : mirrors_) {
    if (!request_complete) mirror->abandon();
    if (mirror->compare()) mirror->compare_with(primary_answer(info, mirror->started(), answer_));
  }
}

void Mirrors::clear() {
  mirrors_.clear();
  answer_.reset();
}

}  // namespace remora
