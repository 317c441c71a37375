#include "tls/key_pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <utility>

#include "tls/certificate_info.h"
#include "tls/ocsp.h"
#include "tls/openssl_error.h"
#include "tls/subject_names.h"

namespace remora {
namespace {

constexpr int kSmallestRsaKey = 2048;

// Always given: OpenSSL's own would ask whoever sits at the terminal.
int give_password(char* buffer, int size, int /*encrypting*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<void> read_chain(const std::string& pem, KeyPair& pair) {
  const auto bio = reader_of(pem);
  std::string no_password;
  pair.leaf.reset(PEM_read_bio_X509_AUX(bio.get(), nullptr, give_password, &no_password));
  if (pair.leaf == nullptr) return Error{"certificate chain: " + take_openssl_reason()};
  pair.chain.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, give_password, &no_password)) {
    sk_X509_push(pair.chain.get(), next);
  }
  const auto last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!at_end) return Error{"certificate chain: " + take_openssl_reason()};
  ERR_clear_error();
  return {};
}

Result<void> read_key(const std::string& pem, std::string password, KeyPair& pair) {
  pair.key.reset(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, give_password, &password));
  if (pair.key == nullptr) return Error{"private key: " + take_openssl_reason()};
  ERR_clear_error();
  return {};
}

Result<void> read_pkcs12(const TlsCertificate& certificate, KeyPair& pair) {
  PKCS12* bundle = d2i_PKCS12_bio(reader_of(certificate.pkcs12).get(), nullptr);
  if (bundle == nullptr) return Error{"pkcs12: " + take_openssl_reason()};
  EVP_PKEY* key = nullptr;
  X509* leaf = nullptr;
  STACK_OF(X509)* chain = nullptr;
  const bool read = PKCS12_parse(bundle, certificate.password.c_str(), &key, &leaf, &chain) == 1;
  PKCS12_free(bundle);
  pair.key.reset(key);
  pair.leaf.reset(leaf);
  pair.chain.reset(chain);
  if (!read) return Error{"pkcs12: " + take_openssl_reason()};
  ERR_clear_error();
  if (key == nullptr) return Error{"pkcs12: it holds no private key"};
  if (leaf == nullptr) return Error{"pkcs12: it holds no certificate for its key"};
  return {};
}

Result<void> check_strength(KeyPair& pair) {
  const int type = EVP_PKEY_get_base_id(pair.key.get());
  if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) {
    if (EVP_PKEY_get_bits(pair.key.get()) >= kSmallestRsaKey) return {};
    return Error{"RSA keys below 2048 bits are not accepted"};
  }
  if (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448) return {};
  if (type != EVP_PKEY_EC) return Error{"only RSA, ECDSA and Ed25519 keys are supported"};
  char group[64] = "";
  size_t length = 0;
  EVP_PKEY_get_group_name(pair.key.get(), group, sizeof(group), &length);
  pair.ecdsa = true;
  pair.curve = OBJ_txt2nid(group);
  const bool known =
      pair.curve == NID_X9_62_prime256v1 || pair.curve == NID_secp384r1 || pair.curve == NID_secp521r1;
  return known ? Result<void>() : Error{"ECDSA keys must be on P-256, P-384 or P-521"};
}

void find_names(KeyPair& pair) {
  for (auto& name : subject_names(pair.leaf.get())) {
    if (name.type == SubjectName::Type::kDns) pair.names.push_back(std::move(name.value));
  }
  if (pair.names.empty()) {
    auto common = common_name(pair.leaf.get());
    if (!common.empty()) pair.names.push_back(std::move(common));
  }
  for (auto& name : pair.names) {
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
}

Result<void> load(const TlsCertificate& certificate, KeyPair& pair) {
  if (!certificate.pkcs12.empty()) {
    if (auto read = read_pkcs12(certificate, pair); !read) return read;
  } else {
    if (auto read = read_chain(certificate.chain_pem, pair); !read) return read;
    if (auto read = read_key(certificate.key_pem, certificate.password, pair); !read) return read;
  }
  if (X509_check_private_key(pair.leaf.get(), pair.key.get()) != 1)
    return Error{"the private key does not fit the certificate: " + take_openssl_reason()};
  if (auto strong = check_strength(pair); !strong) return strong;
  find_names(pair);
  pair.info = decode_certificate(pair.leaf.get(), nullptr);
  return read_ocsp(certificate.ocsp_staple, pair);
}

}  // namespace

Result<std::shared_ptr<const KeyPair>> load_key_pair(const TlsCertificate& certificate) {
  auto pair = std::make_shared<KeyPair>();
  pair->origin = certificate.origin;
  ERR_clear_error();
  if (auto loaded = load(certificate, *pair); !loaded) {
    return certificate.origin.empty() ? std::move(loaded).error()
                                      : std::move(loaded).error().in(certificate.origin);
  }
  return std::shared_ptr<const KeyPair>(std::move(pair));
}

}  // namespace remora
