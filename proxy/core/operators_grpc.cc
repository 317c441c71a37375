// %GRPC_STATUS(CAMEL_STRING|SNAKE_STRING|NUMBER)% and %GRPC_STATUS_NUMBER%.

#include <array>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "core/grpc.h"

namespace remora {
namespace {

// The status codes of gRPC by number, in both spellings that Envoy knows.
struct StatusName {
  std::string_view camel;
  std::string_view snake;
};
constexpr std::array<StatusName, 17> kStatusNames{{{"OK", "OK"},
                                                   {"Canceled", "CANCELLED"},
                                                   {"Unknown", "UNKNOWN"},
                                                   {"InvalidArgument", "INVALID_ARGUMENT"},
                                                   {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
                                                   {"NotFound", "NOT_FOUND"},
                                                   {"AlreadyExists", "ALREADY_EXISTS"},
                                                   {"PermissionDenied", "PERMISSION_DENIED"},
                                                   {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
                                                   {"FailedPrecondition", "FAILED_PRECONDITION"},
                                                   {"Aborted", "ABORTED"},
                                                   {"OutOfRange", "OUT_OF_RANGE"},
                                                   {"Unimplemented", "UNIMPLEMENTED"},
                                                   {"Internal", "INTERNAL"},
                                                   {"Unavailable", "UNAVAILABLE"},
                                                   {"DataLoss", "DATA_LOSS"},
                                                   {"Unauthenticated", "UNAUTHENTICATED"}}};

constexpr int kInvalid = -1;

std::optional<int> status_in(const HeaderMap* head) {
  if (head == nullptr) return std::nullopt;
  const auto text = head->get(HeaderId::kGrpcStatus);
  if (!text) return std::nullopt;
  unsigned status = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), status);
  const bool number = failed == std::errc{} && end == text->data() + text->size() && status <= 0xffff;
  return number ? static_cast<int>(status) : kInvalid;
}

// gRPC's own mapping for answers that carry no grpc-status (HTTP to gRPC status code mapping).
int status_of_http(uint16_t code) {
  switch (code) {
    case 400: return 13;
    case 401: return 16;
    case 403: return 7;
    case 404: return 12;
    case 429:
    case 502:
    case 503:
    case 504: return 14;
    default: return 2;
  }
}

std::optional<int> grpc_status(const ExchangeInfo& info) {
  if (info.request == nullptr || !is_grpc_request(*info.request)) return std::nullopt;
  return grpc_status_of(info);
}

struct GrpcStatusOperator final : Format::Operator {
  enum class Style : uint8_t { kCamel, kSnake, kNumber };

  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto status = grpc_status(info);
    if (!status) return false;
    if (style == Style::kNumber || *status < 0 || static_cast<size_t>(*status) >= kStatusNames.size()) {
      char digits[12];
      out.append(digits, std::to_chars(std::begin(digits), std::end(digits), *status).ptr);
    } else {
      const StatusName& name = kStatusNames[static_cast<size_t>(*status)];
      out.append(style == Style::kCamel ? name.camel : name.snake);
    }
    return true;
  }
  bool append_json(const ExchangeInfo& info, std::string& out) const override {
    return style == Style::kNumber ? append(info, out) : Operator::append_json(info, out);
  }
  Style style = Style::kCamel;
};

}  // namespace

std::optional<int> grpc_status_of(const ExchangeInfo& info) {
  if (const auto status = status_in(info.response_trailers)) return status;
  if (const auto status = status_in(info.response)) return status;
  if (info.response_code == 0) return std::nullopt;
  return status_of_http(info.response_code);
}

Result<OperatorPtr> make_grpc_status(const OperatorCall& call) {
  auto made = std::make_shared<GrpcStatusOperator>();
  using Style = GrpcStatusOperator::Style;
  const std::string_view style =
      call.name == "GRPC_STATUS_NUMBER" ? "NUMBER" : call.argument.value_or("CAMEL_STRING");
  if (style == "SNAKE_STRING") {
    made->style = Style::kSnake;
  } else if (style == "NUMBER") {
    made->style = Style::kNumber;
  } else if (style != "CAMEL_STRING" && !style.empty()) {
    return Error{"its argument must be CAMEL_STRING, SNAKE_STRING or NUMBER"};
  }
  return OperatorPtr(std::move(made));
}

}  // namespace remora
