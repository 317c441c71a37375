#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/struct.pb.h"
#include "remora/config/cluster.h"
#include "remora/config/matchers.h"
#include "remora/config/metadata.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"
#include "remora/core/format.h"
#include "translate/context.h"

namespace remora::xds {

/// Small values that many messages hold. Errors are recorded under `field` of the context's place.

/// Whole milliseconds; what is below one is cut off, as Envoy does. Error: negative.
Milliseconds to_milliseconds(const google::protobuf::Duration& duration, std::string_view field,
                             Context& context);

/// Error: not a literal IP address or a path.
Address to_address(const envoy::config::core::v3::Address& address, std::string_view field, Context& context);
CidrRange to_cidr(const envoy::config::core::v3::CidrRange& range, Context& context);
Locality to_locality(const envoy::config::core::v3::Locality& locality);

MetadataValue to_metadata(const google::protobuf::Value& value);
MetadataValue::Object to_metadata(const google::protobuf::Struct& value);
/// Never null.
std::shared_ptr<const Metadata> to_metadata(const envoy::config::core::v3::Metadata& metadata);
/// The "envoy.lb" part, sorted by key.
SubsetMatch to_subset_match(const envoy::config::core::v3::Metadata& metadata);
SubsetMatch to_subset_match(const google::protobuf::Struct& value);

Fraction to_fraction(const envoy::type::v3::FractionalPercent& percent);
/// The runtime's value for the key, if it has one, else the default.
RuntimeFraction to_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                            const Context& context);
/// A number of the runtime; nullopt when the key is empty, absent or not a number.
std::optional<double> runtime_number(const std::string& key, const Context& context);

/// The bytes a DataSource names. Errors: an unreadable file, an unset variable.
std::string to_bytes(const envoy::config::core::v3::DataSource& source, std::string_view field,
                     Context& context);
/// Standing at the source.
std::string to_bytes(const envoy::config::core::v3::DataSource& source, Context& context);

/// A text with operators, standing at the message. Errors: one that does not parse; JSON.
Format to_text_format(const envoy::config::core::v3::SubstitutionFormatString& format, Context& context);

/// Lower-case ASCII.
std::string lower(std::string_view text);

}  // namespace remora::xds
