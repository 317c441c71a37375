// The gRPC client of integration tests: makes calls of one shape, checks every byte that comes back, and
// prints what came of them as one line of JSON.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "grpc/json_line.h"
#include "grpc/options.h"
#include "grpc/payload.h"
#include "peer.grpc.pb.h"

namespace remora::test {
namespace {

using Metadata = std::multimap<std::string, std::string>;

/// How one call ended.
struct Outcome {
  grpc::Status status;
  uint64_t messages = 0;  // that came
  bool intact = true;     // and were what was sent
  Metadata head;
  Metadata tail;
};

class Client {
 public:
  explicit Client(const Options& options) : options_(options) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 256 * 1024);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // what the proxy does is what counts
    const auto target = options.text("target");
    for (uint32_t i = 0; i < options.number("connections"); ++i) {
      stubs_.push_back(
          Peer::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments)));
    }
  }

  Outcome call(uint64_t number) {
    grpc::ClientContext context;
    if (options_.set("deadline-ms"))
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::milliseconds(options_.number("deadline-ms")));
    context.set_wait_for_ready(options_.set("wait"));
    if (options_.set("authority")) context.set_authority(options_.text("authority"));
    for (const auto& [name, value] : options_.metadata()) context.AddMetadata(name, value);
    Peer::Stub& stub = *stubs_[number % stubs_.size()];
    const std::string& method = options_.text("method");
    Outcome outcome = method == "unary"     ? unary(stub, context, number)
                      : method == "collect" ? collect(stub, context, number)
                      : method == "spread"  ? spread(stub, context)
                                            : chat(stub, context, number);
    // Trailers alone come as the head that they are; gRPC reports them as trailers.
    for (const auto& [name, value] : context.GetServerTrailingMetadata())
      outcome.tail.emplace(text(name), text(value));
    if (outcome.messages > 0 || outcome.status.ok()) {
      for (const auto& [name, value] : context.GetServerInitialMetadata())
        outcome.head.emplace(text(name), text(value));
    }
    return outcome;
  }

 private:
  static std::string text(const grpc::string_ref& ref) { return {ref.data(), ref.size()}; }

  // Reads no more until the process is ended.
  static void pause() {
    JsonLine().flag("paused", true).print();
    for (;;) ::pause();
  }

  Request request(uint64_t seed) const {
    Request made;
    made.set_payload(payload(seed, options_.number("bytes")));
    made.set_hang(options_.set("hang"));
    made.set_fail_times(options_.number("fail-times"));
    return made;
  }
  // The request with which the call is to end as asked.
  void ask_for_end(Request& last) const {
    last.set_status(options_.number("status"));
    last.set_message(options_.text("message"));
  }

  Outcome unary(Peer::Stub& stub, grpc::ClientContext& context, uint64_t seed) const {
    Outcome outcome;
    Reply reply;
    Request sent = request(seed);
    ask_for_end(sent);
    outcome.status = stub.Unary(&context, sent, &reply);
    if (!outcome.status.ok()) return outcome;
    outcome.messages = 1;
    outcome.intact = reply.payload() == sent.payload();
    return outcome;
  }

  Outcome collect(Peer::Stub& stub, grpc::ClientContext& context, uint64_t seed) const {
    Outcome outcome;
    Reply reply;
    uint64_t digest = 0;
    const uint32_t messages = options_.number("messages");
    const auto writer = stub.Collect(&context, &reply);
    for (uint32_t i = 0; i < messages; ++i) {
      Request sent = request(seed + i);
      if (i + 1 == messages) ask_for_end(sent);
      digest = digest_of(sent.payload(), digest);
      if (!writer->Write(sent)) break;
    }
    writer->WritesDone();
    outcome.status = writer->Finish();
    if (!outcome.status.ok()) return outcome;
    outcome.messages = 1;
    outcome.intact = reply.messages() == messages && reply.digest() == digest;
    return outcome;
  }

  Outcome spread(Peer::Stub& stub, grpc::ClientContext& context) const {
    Outcome outcome;
    Request sent = request(0);
    sent.set_replies(options_.number("messages"));
    sent.set_reply_bytes(options_.number("bytes"));
    ask_for_end(sent);
    const auto reader = stub.Spread(&context, sent);
    Reply reply;
    while (reader->Read(&reply)) {
      if (reply.payload() != payload(outcome.messages, sent.reply_bytes())) outcome.intact = false;
      ++outcome.messages;
      if (options_.set("cancel-after") && outcome.messages >= options_.number("cancel-after"))
        context.TryCancel();
      if (options_.set("pause-after") && outcome.messages == options_.number("pause-after")) pause();
    }
    outcome.status = reader->Finish();
    return outcome;
  }

  // Writes and reads on two threads, unless each message is to wait for its echo (--lockstep).
  Outcome chat(Peer::Stub& stub, grpc::ClientContext& context, uint64_t seed) const {
    Outcome outcome;
    const uint32_t messages = options_.number("messages");
    const bool lockstep = options_.set("lockstep");
    const auto stream = stub.Chat(&context);
    Reply reply;
    const auto write = [&](uint32_t i) {
      Request sent = request(seed + i);
      return stream->Write(sent);
    };
    const auto read = [&] {
      if (!stream->Read(&reply)) return false;
      if (reply.payload() != payload(seed + outcome.messages, options_.number("bytes")))
        outcome.intact = false;
      ++outcome.messages;
      if (options_.set("cancel-after") && outcome.messages >= options_.number("cancel-after"))
        context.TryCancel();
      return true;
    };
    const auto end = [&] {
      if (options_.number("status") != 0) {
        Request last;
        ask_for_end(last);
        stream->Write(last);
      }
      stream->WritesDone();
    };
    if (lockstep) {
      for (uint32_t i = 0; i < messages && write(i) && read(); ++i) {}
      end();
      while (read()) {}
    } else {
      std::thread writer([&] {
        for (uint32_t i = 0; i < messages && write(i); ++i) {}
        end();
      });
      while (read()) {}
      writer.join();
    }
    outcome.status = stream->Finish();
    return outcome;
  }

  const Options& options_;
  std::vector<std::unique_ptr<Peer::Stub>> stubs_;
};

/// What many calls came to.
class Summary {
 public:
  void add(Outcome outcome) {
    const std::lock_guard lock(mutex_);
    ++statuses_[std::to_string(outcome.status.error_code())];
    messages_ += outcome.messages;
    intact_ = intact_ && outcome.intact;
    last_ = std::move(outcome);
  }
  void print(double seconds) {
    Metadata statuses;
    for (const auto& [status, count] : statuses_) statuses.emplace(status, std::to_string(count));
    JsonLine()
        .pairs("statuses", statuses)
        .number("messages", static_cast<int64_t>(messages_))
        .flag("intact", intact_)
        .number("status", last_.status.error_code())
        .text("message", last_.status.error_message())
        .pairs("head", last_.head)
        .pairs("tail", last_.tail)
        .number("ms", static_cast<int64_t>(seconds * 1000))
        .print();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint64_t> statuses_;
  uint64_t messages_ = 0;
  bool intact_ = true;
  Outcome last_;
};

void run(const Options& options) {
  Client client(options);
  Summary summary;
  std::atomic<uint64_t> next{0};
  const uint64_t calls = options.number("calls");
  const auto work = [&] {
    for (uint64_t number = next++; number < calls; number = next++) summary.add(client.call(number));
  };
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < options.number("threads"); ++i) threads.emplace_back(work);
  work();
  for (auto& thread : threads) thread.join();
  summary.print(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

}  // namespace
}  // namespace remora::test

int main(int count, char** words) {
  remora::test::run({count,
                     words,
                     {{"target", ""},
                      {"method", "unary"},
                      {"calls", "1"},
                      {"threads", "1"},
                      {"connections", "1"},
                      {"messages", "1"},
                      {"bytes", "10"},
                      {"deadline-ms", ""},
                      {"authority", ""},
                      {"wait", ""},
                      {"status", "0"},
                      {"message", ""},
                      {"fail-times", "0"},
                      {"hang", ""},
                      {"cancel-after", ""},
                      {"pause-after", ""},
                      {"lockstep", ""}}});
  return 0;
}
