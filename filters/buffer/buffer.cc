#include "buffer/buffer.h"

#include <optional>
#include <utility>

#include "common/per_exchange.h"

namespace remora::filters {
namespace {

constexpr uint16_t kTooLarge = 413;

class BufferFilter final : public HttpFilter {
 public:
  explicit BufferFilter(std::shared_ptr<const BufferConfig> config) : config_(std::move(config)) {}

  Verdict on_request_head(FilterContext& context, HeaderMap& head, bool end) override {
    const auto* of_route = most_specific<BufferConfig>(context);
    const BufferConfig& config = of_route == nullptr ? *config_ : *of_route;
    // What is said to follow an upgrade has no end to wait for.
    if (end || config.disabled || head.has(HeaderId::kUpgrade)) return Verdict::go_on();
    Held& held = held_.begin(context);
    held.head = &head;
    held.most = config.max_request_bytes;
    held.resume.emplace(context.pause());
    context.read_whole_request();
    return Verdict::pause();
  }

  void on_request_body(FilterContext& context, std::string_view bytes, bool end) override {
    Held* held = held_.find(context);
    if (held == nullptr || !held->resume) return;
    held->bytes += bytes.size();
    if (held->bytes > held->most) {
      LocalReply reply;
      reply.status = kTooLarge;
      reply.body = "Payload Too Large";
      reply.details = "request_payload_too_large";
      release(*held).reply(std::move(reply));
    } else if (end) {
      go_on(*held);
    }
  }

  void on_request_trailers(FilterContext& context, HeaderMap&) override {
    Held* held = held_.find(context);
    if (held != nullptr && held->resume) go_on(*held);
  }

  void on_complete(FilterContext& context) override { held_.end(context); }

 private:
  struct Held {
    HeaderMap* head = nullptr;
    uint64_t bytes = 0;
    uint64_t most = 0;
    std::optional<Resume> resume;  // until it goes on
    void reset() {
      head = nullptr;
      bytes = most = 0;
      resume.reset();
    }
  };

  static Resume release(Held& held) {
    Resume resume = std::move(*held.resume);
    held.resume.reset();
    return resume;
  }

  static void go_on(Held& held) {
    if (!held.head->has(HeaderId::kContentLength)) {
      held.head->remove(HeaderId::kTransferEncoding);
      held.head->set(HeaderId::kContentLength, held.bytes);
    }
    release(held).go_on();
  }

  std::shared_ptr<const BufferConfig> config_;
  PerExchange<Held> held_;
};

}  // namespace

std::unique_ptr<HttpFilter> make_buffer_filter(std::shared_ptr<const BufferConfig> config) {
  return std::make_unique<BufferFilter>(std::move(config));
}

}  // namespace remora::filters
