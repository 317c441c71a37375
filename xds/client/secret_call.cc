#include "client/secret_call.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "client/resource_types.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"

namespace remora::xds {
namespace {

using Request = envoy::service::discovery::v3::DiscoveryRequest;
using Response = envoy::service::discovery::v3::DiscoveryResponse;
using Service = envoy::service::secret::v3::SecretDiscoveryService;

constexpr int kInvalidArgument = 3;  // google.rpc.Code

}  // namespace

struct SecretCall::State {
  mutable std::mutex mutex;
  grpc::ClientContext* context = nullptr;  // while the stream lasts
  bool ended = false;                      // gRPC holds nothing of it any more
  bool succeeded = false;
  std::string version;
  std::string reason;
};

/// Deletes itself when gRPC is done with it, on a thread of gRPC's. The last reference to the channel must
/// not go there, because its end waits for that very thread: so the context, which has one, goes before the
/// end is told, while the SecretCall still has its own.
class SecretCall::Reactor final : public grpc::ClientBidiReactor<Request, Response> {
 public:
  Reactor(Options options, Owner& owner, std::shared_ptr<State> state)
      : options_(std::move(options)),
        owner_(owner),
        state_(std::move(state)) {}

  void start(Service::Stub& stub) {
    for (const auto& [name, value] : make_metadata(options_.target.initial_metadata)) {
      context_->AddMetadata(name, value);
    }
    state_->version = options_.version;
    state_->context = context_.get();
    stub.async()->StreamSecrets(context_.get(), this);
    say({}, std::nullopt);
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const auto error = owner_.on_secret(options_.key, response_);
    if (!error) {
      const std::lock_guard lock(state_->mutex);
      state_->version = response_.version_info();
      state_->succeeded = true;
    }
    say(response_.nonce(), error);
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(state_->mutex);
      writing_ = false;
      if (!ok || !next_) return;
      begin_write();
    }
    StartWrite(&request_);
  }

  void OnDone(const grpc::Status& status) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->context = nullptr;
    }
    context_.reset();
    {
      const std::lock_guard lock(state_->mutex);
      state_->reason = status.error_message();
      state_->ended = true;
      owner_.on_call_ended();  // inside: who sees the end may take the owner away
    }
    delete this;
  }

 private:
  /// Asks for the secret, and answers what came.
  void say(const std::string& nonce, const std::optional<std::string>& error) {
    Request request;
    request.set_type_url(std::string(type_url(ResourceType::kSecrets)));
    request.add_resource_names(options_.name);
    request.set_response_nonce(nonce);
    if (first_ || !options_.node_on_first_message_only) *request.mutable_node() = options_.node;
    first_ = false;
    if (error) {
      request.mutable_error_detail()->set_code(kInvalidArgument);
      request.mutable_error_detail()->set_message(*error);
    }
    {
      const std::lock_guard lock(state_->mutex);
      request.set_version_info(state_->version);
      next_ = std::move(request);
      if (writing_) return;
      begin_write();
    }
    StartWrite(&request_);
  }
  void begin_write() {
    writing_ = true;
    request_ = std::move(*std::exchange(next_, std::nullopt));
  }

  const Options options_;
  Owner& owner_;
  const std::shared_ptr<State> state_;
  bool first_ = true;
  // Guarded by the state's mutex.
  bool writing_ = false;
  std::optional<Request> next_;  // what is to be said; an older one that did not leave is not worth saying
  Request request_;
  Response response_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
};

SecretCall::SecretCall(Options options, Owner& owner)
    : state_(std::make_shared<State>()),
      channel_(make_grpc_channel(options.target)) {
  const auto stub = Service::NewStub(channel_);
  (new Reactor(std::move(options), owner, state_))->start(*stub);
}
SecretCall::~SecretCall() = default;

void SecretCall::cancel() {
  const std::lock_guard lock(state_->mutex);
  if (state_->context != nullptr) state_->context->TryCancel();
}
bool SecretCall::has_ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->ended;
}
bool SecretCall::has_succeeded() const {
  const std::lock_guard lock(state_->mutex);
  return state_->succeeded;
}
std::string SecretCall::version() const {
  const std::lock_guard lock(state_->mutex);
  return state_->version;
}
std::string SecretCall::reason() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reason;
}

}  // namespace remora::xds
