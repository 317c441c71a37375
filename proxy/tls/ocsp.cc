#include "tls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <memory>

#include "tls/certificate_info.h"
#include "tls/key_pair.h"

namespace remora {
namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, FreeBy<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, FreeBy<OCSP_BASICRESP_free>>;

// RFC 7633: the extension lists TLS extensions that a server must answer with; 5 is status_request.
bool demands_staple(X509* certificate) {
  auto* features = static_cast<TLS_FEATURE*>(X509_get_ext_d2i(certificate, NID_tlsfeature, nullptr, nullptr));
  bool demands = false;
  for (int i = 0; features != nullptr && i < sk_ASN1_INTEGER_num(features); ++i) {
    demands |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
  }
  sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
  return demands;
}

}  // namespace

Result<void> read_ocsp(const std::string& response, KeyPair& pair) {
  pair.must_staple = demands_staple(pair.leaf.get());
  if (response.empty()) return {};
  const auto* data = reinterpret_cast<const unsigned char*>(response.data());
  const ResponsePtr parsed(d2i_OCSP_RESPONSE(nullptr, &data, static_cast<long>(response.size())));
  const BasicPtr basic(parsed != nullptr ? OCSP_response_get1_basic(parsed.get()) : nullptr);
  ERR_clear_error();
  if (basic == nullptr) return Error{"OCSP staple: not an OCSP response"};
  if (OCSP_response_status(parsed.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return Error{"OCSP staple: the response is not a successful one"};
  if (OCSP_resp_count(basic.get()) != 1) return Error{"OCSP staple: it must be about one certificate"};
  OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), 0);
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial,
                    const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
  if (serial == nullptr || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(pair.leaf.get())) != 0)
    return Error{"OCSP staple: it is about another certificate"};
  ASN1_GENERALIZEDTIME* until = nullptr;
  OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &until);
  pair.ocsp_until = wall_time(until);
  pair.ocsp_response = response;
  return {};
}

}  // namespace remora
