#pragma once

#include "core/format_operator.h"

namespace remora {

/// Makers of the operators that take arguments or do more than read a field. Each serves the names listed
/// with it in format_operators.cc; whether an argument and a length are allowed has been checked there.
Result<OperatorPtr> make_start_time(const OperatorCall& call);
Result<OperatorPtr> make_common_duration(const OperatorCall& call);
Result<OperatorPtr> make_header(const OperatorCall& call);
Result<OperatorPtr> make_grpc_status(const OperatorCall& call);
Result<OperatorPtr> make_address(const OperatorCall& call);
Result<OperatorPtr> make_filter_state(const OperatorCall& call);
Result<OperatorPtr> make_metadata(const OperatorCall& call);
Result<OperatorPtr> make_response_code_details(const OperatorCall& call);
Result<OperatorPtr> make_response_flags(const OperatorCall& call);
Result<OperatorPtr> make_environment(const OperatorCall& call);
Result<OperatorPtr> make_unique_id(const OperatorCall& call);
Result<OperatorPtr> make_path(const OperatorCall& call);
Result<OperatorPtr> make_query(const OperatorCall& call);
Result<OperatorPtr> make_tls(const OperatorCall& call);
Result<OperatorPtr> make_server_name(const OperatorCall& call);
Result<OperatorPtr> make_transport_failure(const OperatorCall& call);

/// An operator of something that this build never has (tracing): always without a value.
Result<OperatorPtr> make_unset(const OperatorCall& call);

}  // namespace remora
