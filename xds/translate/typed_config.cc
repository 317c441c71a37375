#include "translate/typed_config.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "translate/context.h"
#include "udpa/type/v1/typed_struct.pb.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace remora::xds {
namespace {

constexpr std::string_view kUdpaTypedStruct = "udpa.type.v1.TypedStruct";
constexpr std::string_view kXdsTypedStruct = "xds.type.v3.TypedStruct";

void parse_plain(const google::protobuf::Any& any, TypedConfig& out) {
  out.type_url = any.type_url();
  out.bytes = any.value();
  out.message = make_message(out.type_name());
  if (out.message && !out.message->ParseFromString(out.bytes)) {
    out.message.reset();
    out.error = "the bytes are not a valid " + std::string(out.type_name());
  }
}

/// Reads the Struct as the JSON form of the message that the inner type URL names.
void parse_struct(const google::protobuf::Struct& value, TypedConfig& out) {
  out.message = make_message(out.type_name());
  if (!out.message) {
    out.is_struct = true;
    out.bytes = value.SerializeAsString();
    return;
  }
  std::string json;
  auto status = google::protobuf::util::MessageToJsonString(value, &json);
  if (status.ok()) status = google::protobuf::util::JsonStringToMessage(json, out.message.get());
  if (!status.ok()) {
    out.message.reset();
    out.error = std::string(out.type_name()) + ": " + std::string(status.message());
    return;
  }
  out.bytes = out.message->SerializeAsString();
}

template <typename TypedStruct>
void unwrap(const google::protobuf::Any& any, TypedConfig& out) {
  TypedStruct wrapper;
  if (!wrapper.ParseFromString(any.value())) {
    out.type_url = any.type_url();
    out.error = "the bytes are not a valid TypedStruct";
    return;
  }
  out.type_url = wrapper.type_url();
  parse_struct(wrapper.value(), out);
}

}  // namespace

std::string_view TypedConfig::type_name() const { return type_name_of(type_url); }

void refuse_extension(std::string_view what, const std::string& name, const TypedConfig& config,
                      Context& context) {
  if (!config.error.empty()) return context.error("typed_config", config.error);
  const std::string subject = "the " + std::string(what) + " '" + name + "'";
  if (config.type_url.empty())
    return context.error("typed_config", "is required: " + subject + " cannot be found by name");
  context.error(subject + " of type " + std::string(config.type_name()) +
                " is not implemented by this build");
}

std::string_view type_name_of(std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

std::unique_ptr<google::protobuf::Message> make_message(std::string_view type_name) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto* descriptor = pool->FindMessageTypeByName(std::string(type_name));
  if (descriptor == nullptr) return nullptr;
  const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
  return prototype == nullptr ? nullptr : std::unique_ptr<google::protobuf::Message>(prototype->New());
}

TypedConfig unpack(const google::protobuf::Any& any) {
  TypedConfig out;
  const std::string_view name = type_name_of(any.type_url());
  if (name == kUdpaTypedStruct) {
    unwrap<udpa::type::v1::TypedStruct>(any, out);
  } else if (name == kXdsTypedStruct) {
    unwrap<::xds::type::v3::TypedStruct>(any, out);
  } else {
    parse_plain(any, out);
  }
  return out;
}

}  // namespace remora::xds
