#include "client/resource_record.h"

#include "client/resource_types.h"

namespace remora::xds {
namespace {

using Text = std::shared_ptr<const std::string>;

/// The types that are asked for are shared; a server may have sent anything else.
Text shared_url(const std::string& url) {
  static const auto& known = *[] {
    auto* urls = new std::array<Text, kResourceTypeCount>;
    for (const ResourceType type : kResourceTypes)
      (*urls)[index_of(type)] = std::make_shared<const std::string>(type_url(type));
    return urls;
  }();
  if (const auto type = type_of(url)) return known[index_of(*type)];
  return std::make_shared<const std::string>(url);
}

}  // namespace

PackedResource::PackedResource(const google::protobuf::Any& any)
    : type_url_(shared_url(any.type_url())),
      value_(any.value()) {}

PackedResource::PackedResource(const google::protobuf::Message& message)
    : type_url_(shared_url("type.googleapis.com/" + message.GetTypeName())),
      value_(message.SerializeAsString()) {}

bool PackedResource::unpack(google::protobuf::Message& out) const {
  const std::string wanted = "/" + out.GetTypeName();
  return type_url_ != nullptr && type_url_->ends_with(wanted) && out.ParseFromString(value_);
}

google::protobuf::Any PackedResource::any() const {
  google::protobuf::Any any;
  if (type_url_ != nullptr) any.set_type_url(*type_url_);
  any.set_value(value_);
  return any;
}

}  // namespace remora::xds
