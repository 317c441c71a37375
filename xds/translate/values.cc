#include "translate/values.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "translate/yaml_document.h"

namespace remora::xds {
namespace {

constexpr std::string_view kSubsetNamespace = "envoy.lb";

uint32_t denominator_of(envoy::type::v3::FractionalPercent::DenominatorType type) {
  switch (type) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND: return 10'000;
    case envoy::type::v3::FractionalPercent::MILLION: return 1'000'000;
    default: return 100;
  }
}

Address take(Result<Address> result, Context& context) {
  if (result.ok()) return std::move(*result);
  context.error(result.error().message);
  return {};
}

}  // namespace

Milliseconds to_milliseconds(const google::protobuf::Duration& duration, std::string_view field,
                             Context& context) {
  if (duration.seconds() < 0 || duration.nanos() < 0) {
    context.error(field, "a duration must not be negative");
    return Milliseconds{0};
  }
  return Milliseconds{duration.seconds() * 1000 + duration.nanos() / 1'000'000};
}

Address to_address(const envoy::config::core::v3::Address& address, std::string_view field,
                   Context& context) {
  const auto scope = context.in(field);
  if (address.has_pipe()) {
    const auto pipe = context.in("pipe");
    return take(Address::unix_path(address.pipe().path()), context);
  }
  if (!address.has_socket_address()) return {};  // already refused or missed by check_fields
  const auto socket = context.in("socket_address");
  const auto& source = address.socket_address();
  if (source.port_value() > 65535) context.error("port_value", "must be at most 65535");
  return take(Address::ip(source.address(), static_cast<uint16_t>(source.port_value())), context);
}

CidrRange to_cidr(const envoy::config::core::v3::CidrRange& range, Context& context) {
  auto base = Address::ip(range.address_prefix(), 0);
  if (!base.ok()) {
    context.error("address_prefix", base.error().message);
    return {};
  }
  const uint32_t longest = base->family() == AF_INET ? 32 : 128;
  const uint32_t length = range.prefix_len().value();
  if (length > longest) context.error("prefix_len", "must be at most " + std::to_string(longest));
  return {*base, static_cast<uint8_t>(std::min(length, longest))};
}

Locality to_locality(const envoy::config::core::v3::Locality& locality) {
  return {locality.region(), locality.zone(), locality.sub_zone()};
}

MetadataValue to_metadata(const google::protobuf::Value& value) {
  using google::protobuf::Value;
  switch (value.kind_case()) {
    case Value::kBoolValue: return {value.bool_value()};
    case Value::kNumberValue: return {value.number_value()};
    case Value::kStringValue: return {value.string_value()};
    case Value::kStructValue: return {to_metadata(value.struct_value())};
    case Value::kListValue: {
      MetadataValue::List list;
      for (const auto& entry : value.list_value().values()) list.push_back(to_metadata(entry));
      return {std::move(list)};
    }
    default: return {};
  }
}

MetadataValue::Object to_metadata(const google::protobuf::Struct& value) {
  MetadataValue::Object object;
  for (const auto& [key, entry] : value.fields()) object.emplace(key, to_metadata(entry));
  return object;
}

std::shared_ptr<const Metadata> to_metadata(const envoy::config::core::v3::Metadata& metadata) {
  static const auto kNone = std::make_shared<const Metadata>();
  if (metadata.filter_metadata().empty()) return kNone;
  auto out = std::make_shared<Metadata>();
  for (const auto& [name, value] : metadata.filter_metadata()) {
    out->filters.emplace(name, MetadataValue{to_metadata(value)});
  }
  return out;
}

SubsetMatch to_subset_match(const google::protobuf::Struct& value) {
  SubsetMatch match;
  for (const auto& [key, entry] : value.fields()) match.emplace_back(key, to_metadata(entry));
  std::sort(match.begin(), match.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return match;
}

SubsetMatch to_subset_match(const envoy::config::core::v3::Metadata& metadata) {
  const auto found = metadata.filter_metadata().find(std::string(kSubsetNamespace));
  return found == metadata.filter_metadata().end() ? SubsetMatch{} : to_subset_match(found->second);
}

Fraction to_fraction(const envoy::type::v3::FractionalPercent& percent) {
  return {percent.numerator(), denominator_of(percent.denominator())};
}

RuntimeFraction to_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                            const Context& context) {
  RuntimeFraction out{percent.runtime_key(), to_fraction(percent.default_value())};
  if (out.runtime_key.empty()) return out;
  if (const auto whole = runtime_number(out.runtime_key, context)) {
    out.value = {static_cast<uint32_t>(std::clamp(*whole, 0.0, 100.0)), 100};
  } else if (const auto numerator = runtime_number(out.runtime_key + ".numerator", context)) {
    out.value.numerator = static_cast<uint32_t>(std::max(*numerator, 0.0));
    out.value.denominator = 100;
    const auto& runtime = context.environment().runtime;
    const auto denominator = runtime.find(out.runtime_key + ".denominator");
    if (denominator != runtime.end() && denominator->second == "TEN_THOUSAND") out.value.denominator = 10'000;
    if (denominator != runtime.end() && denominator->second == "MILLION") out.value.denominator = 1'000'000;
  }
  return out;
}

std::optional<double> runtime_number(const std::string& key, const Context& context) {
  if (key.empty()) return std::nullopt;
  const auto found = context.environment().runtime.find(key);
  if (found == context.environment().runtime.end()) return std::nullopt;
  const std::string& text = found->second;
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string to_bytes(const envoy::config::core::v3::DataSource& source, std::string_view field,
                     Context& context) {
  const auto scope = context.in(field);
  return to_bytes(source, context);
}

std::string to_bytes(const envoy::config::core::v3::DataSource& source, Context& context) {
  using envoy::config::core::v3::DataSource;
  switch (source.specifier_case()) {
    case DataSource::kInlineString: return source.inline_string();
    case DataSource::kInlineBytes: return source.inline_bytes();
    case DataSource::kFilename: {
      auto bytes = read_file(source.filename());
      if (!bytes.ok()) context.error("filename", bytes.error().message);
      return bytes.ok() ? std::move(*bytes) : std::string();
    }
    case DataSource::kEnvironmentVariable: {
      const char* value = std::getenv(source.environment_variable().c_str());
      if (value == nullptr)
        context.error("environment_variable", source.environment_variable() + " is not set");
      return value == nullptr ? "" : value;
    }
    default: return {};
  }
}

Format to_text_format(const envoy::config::core::v3::SubstitutionFormatString& format, Context& context) {
  using envoy::config::core::v3::SubstitutionFormatString;
  std::string text;
  std::string_view field = "text_format";
  switch (format.format_case()) {
    case SubstitutionFormatString::kTextFormat: text = format.text_format(); break;
    case SubstitutionFormatString::kTextFormatSource:
      field = "text_format_source";
      text = to_bytes(format.text_format_source(), field, context);
      break;
    default: context.unsupported("json_format", "it here"); return {};
  }
  if (format.omit_empty_values()) context.unsupported("omit_empty_values", "it for a text format");
  auto parsed = Format::parse(text);
  if (parsed.ok()) return std::move(*parsed);
  context.error(field, parsed.error().message);
  return {};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace remora::xds
