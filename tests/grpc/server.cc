// The gRPC server of integration tests. Prints {"port": N}, then with --events what happens to each call.

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "grpc/json_line.h"
#include "grpc/options.h"
#include "grpc/payload.h"
#include "peer.grpc.pb.h"

namespace remora::test {
namespace {

bool events = false;
std::atomic<uint32_t> failed{0};  // calls that Request::fail_times has ended

/// What all shapes do with their call: print its beginning and end, send metadata back, know how it is to
/// end.
class Call {
 public:
  Call(grpc::CallbackServerContext& context, std::string_view method) : context_(context), method_(method) {
    if (events) announce();
    for (const auto& [name, value] : context.client_metadata()) {
      const std::string key(name.data(), name.size());
      if (!key.starts_with("x-back-")) continue;
      context.AddInitialMetadata("head-" + key, {value.data(), value.size()});
      context.AddTrailingMetadata("tail-" + key, {value.data(), value.size()});
    }
  }
  void ended(uint64_t messages) {
    if (!events) return;
    JsonLine()
        .text("event", "end")
        .text("method", method_)
        .flag("cancelled", context_.IsCancelled())
        .number("messages", static_cast<int64_t>(messages))
        .print();
  }
  static grpc::Status status_of(const Request& request) {
    const bool fails = request.fail_times() == 0 || failed.fetch_add(1) < request.fail_times();
    if (request.status() == 0 || !fails) return grpc::Status::OK;
    return {static_cast<grpc::StatusCode>(request.status()), request.message()};
  }

 private:
  void announce() {
    using std::chrono::milliseconds;
    using std::chrono::system_clock;
    const auto left = std::chrono::duration_cast<milliseconds>(context_.deadline() - system_clock::now());
    const bool limited = context_.deadline() != system_clock::time_point::max();
    JsonLine line;
    line.text("event", "begin").text("method", method_).text("peer", context_.peer());
    if (limited && left < std::chrono::hours(24 * 365)) line.number("deadline_ms", left.count());
    line.pairs("metadata", context_.client_metadata()).print();
  }
  grpc::CallbackServerContext& context_;
  std::string method_;
};

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(grpc::CallbackServerContext& context, const Request& request, Reply& reply)
      : call_(context, "Unary"),
        hangs_(request.hang()) {
    reply.set_payload(request.payload());
    if (!hangs_) Finish(Call::status_of(request));
  }
  void OnCancel() override {
    if (hangs_) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    call_.ended(1);
    delete this;
  }

 private:
  Call call_;
  const bool hangs_;
};

class CollectCall final : public grpc::ServerReadReactor<Request> {
 public:
  CollectCall(grpc::CallbackServerContext& context, Reply& reply)
      : context_(context),
        call_(context, "Collect"),
        reply_(reply) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) {
      if (!hangs_ || context_.IsCancelled()) finish(grpc::Status::OK);
      return;
    }
    hangs_ = request_.hang();
    reply_.set_messages(reply_.messages() + 1);
    reply_.set_digest(digest_of(request_.payload(), reply_.digest()));
    if (request_.status() != 0) return finish(Call::status_of(request_));
    StartRead(&request_);
  }
  void OnCancel() override { finish(grpc::Status::CANCELLED); }
  void OnDone() override {
    call_.ended(reply_.messages());
    delete this;
  }

 private:
  // The end of the requests and a cancellation may come together.
  void finish(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }
  grpc::CallbackServerContext& context_;
  Call call_;
  Reply& reply_;
  Request request_;
  std::atomic<bool> hangs_{false};
  std::atomic<bool> finished_{false};
};

class SpreadCall final : public grpc::ServerWriteReactor<Reply> {
 public:
  SpreadCall(grpc::CallbackServerContext& context, const Request& request)
      : call_(context, "Spread"),
        request_(request) {
    next();
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      next();
    } else if (!request_.hang()) {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnCancel() override {
    if (request_.hang()) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    call_.ended(sent_);
    delete this;
  }

 private:
  void next() {
    if (sent_ < request_.replies()) {
      reply_.set_payload(payload(sent_++, request_.reply_bytes()));
      StartWrite(&reply_);
    } else if (!request_.hang()) {
      Finish(Call::status_of(request_));
    }
  }
  Call call_;
  const Request request_;
  Reply reply_;
  uint32_t sent_ = 0;
};

/// Each message comes back before the next is read, so the client's pace is the pace of both.
class ChatCall final : public grpc::ServerBidiReactor<Request, Reply> {
 public:
  explicit ChatCall(grpc::CallbackServerContext& context) : call_(context, "Chat") { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (request_.status() != 0) return Finish(Call::status_of(request_));
    ++messages_;
    reply_.set_payload(request_.payload());
    StartWrite(&reply_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&request_);
  }
  void OnDone() override {
    call_.ended(messages_);
    delete this;
  }

 private:
  Call call_;
  Request request_;
  Reply reply_;
  uint64_t messages_ = 0;
};

class PeerService final : public Peer::CallbackService {
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Request* request,
                                  Reply* reply) override {
    return new UnaryCall(*context, *request, *reply);
  }
  grpc::ServerReadReactor<Request>* Collect(grpc::CallbackServerContext* context, Reply* reply) override {
    return new CollectCall(*context, *reply);
  }
  grpc::ServerWriteReactor<Reply>* Spread(grpc::CallbackServerContext* context,
                                          const Request* request) override {
    return new SpreadCall(*context, *request);
  }
  grpc::ServerBidiReactor<Request, Reply>* Chat(grpc::CallbackServerContext* context) override {
    return new ChatCall(*context);
  }
};

int serve(const Options& options) {
  events = options.set("events");
  PeerService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + options.text("port"), grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 256 * 1024);
  if (options.set("streams"))
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options.number("streams")));
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  JsonLine().number("port", port).print();
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace remora::test

int main(int count, char** words) {
  return remora::test::serve({count, words, {{"port", "0"}, {"events", ""}, {"streams", ""}}});
}
