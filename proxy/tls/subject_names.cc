#include "tls/subject_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace remora {
namespace {

std::optional<std::string> text_of(const ASN1_STRING* string) {
  if (string == nullptr) return std::nullopt;
  const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(string));
  std::string text(data, static_cast<size_t>(ASN1_STRING_length(string)));
  const bool control = std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (control) return std::nullopt;
  return text;
}

std::optional<std::string> address_of(const ASN1_OCTET_STRING* octets) {
  const int length = ASN1_STRING_length(octets);
  if (length != 4 && length != 16) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(octets), text, sizeof(text));
  return std::string(text);
}

std::optional<SubjectName> other_name(const OTHERNAME& other) {
  char oid[128] = "";
  if (OBJ_obj2txt(oid, sizeof(oid), other.type_id, 1) <= 0 || other.value == nullptr) return std::nullopt;
  // Any string type; what is no string (a structure) has no text to be compared with.
  const int type = other.value->type;
  const bool string = type == V_ASN1_UTF8STRING || type == V_ASN1_IA5STRING ||
                      type == V_ASN1_PRINTABLESTRING || type == V_ASN1_OCTET_STRING ||
                      type == V_ASN1_VISIBLESTRING || type == V_ASN1_NUMERICSTRING ||
                      type == V_ASN1_T61STRING;
  if (!string) return std::nullopt;
  auto value = text_of(other.value->value.asn1_string);
  if (!value) return std::nullopt;
  return SubjectName{SubjectName::Type::kOther, *std::move(value), oid};
}

std::optional<SubjectName> name_of(const GENERAL_NAME& name) {
  using Type = SubjectName::Type;
  const auto made = [](Type type, std::optional<std::string> value) -> std::optional<SubjectName> {
    if (!value) return std::nullopt;
    return SubjectName{type, *std::move(value), {}};
  };
  switch (name.type) {
    case GEN_DNS: return made(Type::kDns, text_of(name.d.dNSName));
    case GEN_URI: return made(Type::kUri, text_of(name.d.uniformResourceIdentifier));
    case GEN_EMAIL: return made(Type::kEmail, text_of(name.d.rfc822Name));
    case GEN_IPADD: return made(Type::kIp, address_of(name.d.iPAddress));
    case GEN_OTHERNAME: return other_name(*name.d.otherName);
    default: return std::nullopt;
  }
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](unsigned char c) { return std::tolower(c); },
      [](unsigned char c) { return std::tolower(c); });
}

}  // namespace

std::vector<SubjectName> subject_names(X509* certificate) {
  std::vector<SubjectName> names;
  const NamesPtr found(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (found == nullptr) return names;
  for (int i = 0; i < sk_GENERAL_NAME_num(found.get()); ++i) {
    if (auto name = name_of(*sk_GENERAL_NAME_value(found.get(), i))) names.push_back(*std::move(name));
  }
  return names;
}

std::string common_name(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(subject, NID_commonName, next)) >= 0;) last = next;
  if (last < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last))).value_or("");
}

bool dns_name_covers(std::string_view name, std::string_view host) {
  if (same_ignoring_case(name, host)) return true;
  if (!name.starts_with("*.")) return false;
  const auto dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && same_ignoring_case(name.substr(1), host.substr(dot));
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace remora
