// %DOWNSTREAM_TLS_...%, %DOWNSTREAM_PEER_...%, %DOWNSTREAM_LOCAL_..._SAN|SUBJECT%, their upstream twins, and
// %REQUESTED_SERVER_NAME% and %UPSTREAM_TRANSPORT_FAILURE_REASON%.

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/format_makers.h"
#include "core/format_read.h"
#include "core/time_format.h"
#include "remora/http/tls_info.h"

namespace remora {
namespace {

bool append_text(const std::string& text, std::string& out) {
  out += text;
  return !text.empty();
}

bool append_list(const std::vector<std::string>& values, std::string& out) {
  for (const auto& value : values) {
    if (&value != values.data()) out += ',';
    out += value;
  }
  return !values.empty();
}

using ReadInfo = bool (*)(const TlsInfo&, std::string&);
using ReadCertificate = bool (*)(const CertificateInfo&, std::string&);

template <std::string TlsInfo::*Member>
bool of_connection(const TlsInfo& info, std::string& out) {
  return append_text(info.*Member, out);
}
template <std::string CertificateInfo::*Member>
bool text_of(const CertificateInfo& info, std::string& out) {
  return append_text(info.*Member, out);
}
template <std::vector<std::string> CertificateInfo::*Member>
bool list_of(const CertificateInfo& info, std::string& out) {
  return append_list(info.*Member, out);
}

struct ConnectionField {
  std::string_view name;
  ReadInfo read;
};
constexpr ConnectionField kConnectionFields[] = {
    {"TLS_CIPHER", of_connection<&TlsInfo::cipher>},
    {"TLS_SESSION_ID", of_connection<&TlsInfo::session_id>},
    {"TLS_VERSION", of_connection<&TlsInfo::version>},
};

struct CertificateField {
  std::string_view name;  // behind PEER_ or LOCAL_
  ReadCertificate read;
};
constexpr CertificateField kCertificateFields[] = {
    {"CERT", text_of<&CertificateInfo::pem>},
    {"DNS_SAN", list_of<&CertificateInfo::dns_sans>},
    {"EMAIL_SAN", list_of<&CertificateInfo::email_sans>},
    {"FINGERPRINT_1", text_of<&CertificateInfo::sha1>},
    {"FINGERPRINT_256", text_of<&CertificateInfo::sha256>},
    {"IP_SAN", list_of<&CertificateInfo::ip_sans>},
    {"ISSUER", text_of<&CertificateInfo::issuer>},
    {"SERIAL", text_of<&CertificateInfo::serial>},
    {"SUBJECT", text_of<&CertificateInfo::subject>},
    {"URI_SAN", list_of<&CertificateInfo::uri_sans>},
};

/// Whose TLS, and whose certificate of it.
struct Subject {
  bool upstream = false;
  bool peer = true;

  [[nodiscard]] const TlsInfo* connection(const ExchangeInfo& info) const {
    return upstream ? info.upstream_tls : info.downstream_tls;
  }
  [[nodiscard]] const CertificateInfo* certificate(const ExchangeInfo& info) const {
    const auto* tls = connection(info);
    return tls == nullptr ? nullptr : (peer ? tls->peer : tls->local).get();
  }
};

struct ConnectionOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto* tls = subject.connection(info);
    return tls != nullptr && read(*tls, out);
  }
  Subject subject;
  ReadInfo read = nullptr;
};

struct CertificateOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto* certificate = subject.certificate(info);
    return certificate != nullptr && read(*certificate, out);
  }
  Subject subject;
  ReadCertificate read = nullptr;
};

struct ValidityOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    const auto* certificate = subject.certificate(info);
    if (certificate == nullptr) return false;
    const auto time = end ? certificate->not_after : certificate->not_before;
    if (iso) {
      append_iso_time(time, out);
    } else {
      format.append(time, false, out);
    }
    return true;
  }
  Subject subject;
  bool end = false;
  bool iso = true;
  TimeFormat format;
};

Result<OperatorPtr> make_validity(const OperatorCall& call, Subject subject, bool end) {
  auto made = std::make_shared<ValidityOperator>();
  made->subject = subject;
  made->end = end;
  made->iso = !call.argument || call.argument->empty();
  if (!made->iso) {
    auto format = TimeFormat::parse(*call.argument);
    if (!format) return std::move(format).error();
    made->format = std::move(*format);
  }
  return OperatorPtr(std::move(made));
}

template <typename Operator, typename Fields>
OperatorPtr find_field(const Fields& fields, std::string_view name, Subject subject) {
  const auto* const found =
      std::ranges::find_if(fields, [&](const auto& field) { return field.name == name; });
  if (found == std::end(fields)) return nullptr;
  auto made = std::make_shared<Operator>();
  made->subject = subject;
  made->read = found->read;
  return made;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// A client writes the name, and a log line or a header must not take it for its own syntax.
struct ServerNameOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    for (const char c : info.requested_server_name) {
      const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         c == '-' || c == '.' || c == '_';
      out += plain ? c : '_';
    }
    return !info.requested_server_name.empty();
  }
};

// Without blanks, as in Envoy: logs are split at them.
struct TransportFailureOperator final : Format::Operator {
  bool append(const ExchangeInfo& info, std::string& out) const override {
    for (const char c : info.upstream_transport_failure) out += c == ' ' ? '_' : c;
    return !info.upstream_transport_failure.empty();
  }
};

}  // namespace

Result<OperatorPtr> make_transport_failure(const OperatorCall& /*call*/) {
  return OperatorPtr(std::make_shared<TransportFailureOperator>());
}

Result<OperatorPtr> make_tls(const OperatorCall& call) {
  Subject subject;
  auto name = call.name;
  subject.upstream = take_prefix(name, "UPSTREAM_");
  if (!subject.upstream) take_prefix(name, "DOWNSTREAM_");
  if (auto made = find_field<ConnectionOperator>(kConnectionFields, name, subject)) return made;
  subject.peer = take_prefix(name, "PEER_");
  if (!subject.peer) take_prefix(name, "LOCAL_");
  if (name == "CERT_V_START") return make_validity(call, subject, false);
  if (name == "CERT_V_END") return make_validity(call, subject, true);
  if (auto made = find_field<CertificateOperator>(kCertificateFields, name, subject)) return made;
  return Error{"this build does not support it"};
}

Result<OperatorPtr> make_server_name(const OperatorCall& call) {
  if (call.argument && !call.argument->empty() && *call.argument != "SNI_ONLY")
    return Error{"its argument must be SNI_ONLY: other sources are not supported"};
  return OperatorPtr(std::make_shared<ServerNameOperator>());
}

}  // namespace remora
