#include "http/h2_stream.h"

#include <utility>
#include <vector>

#include "http/h2_session.h"

namespace remora {
namespace {

constexpr size_t kKept = 256;

std::vector<std::unique_ptr<H2Stream>>& spare_streams() {
  thread_local std::vector<std::unique_ptr<H2Stream>> spare;
  return spare;
}

}  // namespace

H2Stream::~H2Stream() {
  if (account_ == nullptr) return;
  account_->detach();
  account_->release_reference();
}

std::unique_ptr<H2Stream> H2Stream::take(H2Session& session, size_t limit) {
  auto& spare = spare_streams();
  std::unique_ptr<H2Stream> stream;
  if (spare.empty()) {
    stream = std::make_unique<H2Stream>();
  } else {
    stream = std::move(spare.back());
    spare.pop_back();
  }
  stream->use(session, limit);
  return stream;
}

void H2Stream::give(std::unique_ptr<H2Stream> stream) {
  auto& spare = spare_streams();
  stream->forget();
  if (spare.size() < kKept) spare.push_back(std::move(stream));
}

void H2Stream::use(H2Session& session, size_t limit) {
  session_ = &session;
  // Credits of its last life may still be on their way back: those go to the account they came from.
  if (account_ != nullptr && (!account_->idle() || account_->limit() != limit)) {
    account_->detach();
    std::exchange(account_, nullptr)->release_reference();
  }
  if (account_ == nullptr) account_ = CreditAccount::make(this, limit);
}

void H2Stream::forget() {
  session_ = nullptr;
  events_ = nullptr;
  id_ = -1;
  reset_code_ = 0;
  section_.clear();
  unannounced_ = 0;
  body_left_ = frame_left_ = 0;
  length_known_ = head_read_ = remote_ended_ = reset_by_peer_ = too_large_ = false;
  queue_.clear();
  credit_ = Credit();
  trailers_.clear();
  informationals_ = 0;
  head_sent_ = local_ended_ = end_sent_ = has_trailers_ = dying_ = deferred_ = drops_body_ = head_request_ =
      upgrade_ = only_answers_ = false;
  upgrade_type_.clear();
}

void H2Stream::send_informational(const HeaderMap& head) {
  if (session_ != nullptr) session_->send_informational(*this, head);
}
void H2Stream::send_head(const HeaderMap& head, bool end) {
  if (session_ != nullptr) session_->send_head(*this, head, end);
}
void H2Stream::send_body(BodyChunk chunk, bool end) {
  if (session_ != nullptr) session_->send_body(*this, std::move(chunk), end);
}
void H2Stream::send_trailers(const HeaderMap& trailers) {
  if (session_ != nullptr) session_->send_trailers(*this, trailers);
}
void H2Stream::reset(Failure failure) {
  if (session_ != nullptr) session_->reset_stream(*this, failure);
}
void H2Stream::on_window_open() {
  if (session_ != nullptr) session_->return_window(*this);
}

}  // namespace remora
