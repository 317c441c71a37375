#include "tls/certificate_info.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <chrono>
#include <ctime>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tls/subject_names.h"

namespace remora {
namespace {

constexpr size_t kRememberedCertificates = 256;

std::string hex(const unsigned char* data, size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[data[i] >> 4U];
    text += kDigits[data[i] & 0xfU];
  }
  return text;
}

std::string digest(X509* certificate, const EVP_MD* kind) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, kind, bytes, &size) != 1) return {};
  return hex(bytes, size);
}

std::string serial_text(X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  if (number == nullptr) return {};
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return bytes.empty() ? "00" : hex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// What a header value may hold of a PEM text; the rest is percent-encoded.
void append_url_encoded(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 0xfU]};
    }
  }
}

void append_pem(X509* certificate, std::string& out) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) return;
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  append_url_encoded({data, static_cast<size_t>(size)}, out);
}

void add_names(X509* certificate, CertificateInfo& info) {
  using Type = SubjectName::Type;
  for (auto& name : subject_names(certificate)) {
    switch (name.type) {
      case Type::kDns: info.dns_sans.push_back(std::move(name.value)); break;
      case Type::kUri: info.uri_sans.push_back(std::move(name.value)); break;
      case Type::kIp: info.ip_sans.push_back(std::move(name.value)); break;
      case Type::kEmail: info.email_sans.push_back(std::move(name.value)); break;
      case Type::kOther: break;
    }
  }
}

// The digest of everything that CertificateInfo is made from.
std::string identity(X509* leaf, const STACK_OF(X509) * chain) {
  std::string key;
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const auto add = [&](X509* certificate) {
    if (X509_digest(certificate, EVP_sha256(), bytes, &size) == 1)
      key.append(reinterpret_cast<const char*>(bytes), size);
  };
  add(leaf);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) add(sk_X509_value(chain, i));
  return key;
}

}  // namespace

WallTime wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(timegm(&parts))));
}

std::shared_ptr<const CertificateInfo> decode_certificate(X509* leaf, const STACK_OF(X509) * chain) {
  auto info = std::make_shared<CertificateInfo>();
  info->subject = name_text(X509_get_subject_name(leaf));
  info->issuer = name_text(X509_get_issuer_name(leaf));
  info->serial = serial_text(leaf);
  info->sha256 = digest(leaf, EVP_sha256());
  info->sha1 = digest(leaf, EVP_sha1());
  add_names(leaf, *info);
  info->not_before = wall_time(X509_get0_notBefore(leaf));
  info->not_after = wall_time(X509_get0_notAfter(leaf));
  append_pem(leaf, info->pem);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    append_pem(sk_X509_value(chain, i), info->chain_pem);
  }
  if (info->chain_pem.empty()) info->chain_pem = info->pem;
  ERR_clear_error();  // an odd extension is the peer's affair, not the next call's
  return info;
}

std::shared_ptr<const CertificateInfo> certificate_info(X509* leaf, const STACK_OF(X509) * chain) {
  thread_local std::unordered_map<std::string, std::shared_ptr<const CertificateInfo>> remembered;
  auto key = identity(leaf, chain);
  const auto found = remembered.find(key);
  if (found != remembered.end()) return found->second;
  if (remembered.size() >= kRememberedCertificates) remembered.clear();
  return remembered.emplace(std::move(key), decode_certificate(leaf, chain)).first->second;
}

}  // namespace remora
