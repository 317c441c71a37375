#include "identity/authority_files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "identity/own_root.h"

namespace remora::identity {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
using StackPtr =
    std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

/// SPIFFE: an authority that names a trust domain may sign for that one only.
Result<void> check_trust_domain(X509& certificate, const std::string& trust_domain) {
  using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return {};
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const std::string uri(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
        static_cast<size_t>(ASN1_STRING_length(name->d.uniformResourceIdentifier)));
    if (uri.starts_with("spiffe://") && uri != "spiffe://" + trust_domain) {
      return Error{"is an authority of " + uri + ", not of the trust domain " + trust_domain};
    }
  }
  return {};
}

Result<void> check_signer(X509& certificate, EVP_PKEY& key, const std::string& key_file) {
  if (X509_check_private_key(&certificate, &key) != 1) {
    return openssl_failure("is not the certificate of the key in " + key_file);
  }
  if (X509_check_ca(&certificate) != 1)
    return Error{"is no certificate authority (basicConstraints CA:TRUE)"};
  if ((X509_get_key_usage(&certificate) & KU_KEY_CERT_SIGN) == 0) {
    return Error{"may not sign certificates (keyUsage lacks keyCertSign)"};
  }
  return {};
}

Result<void> check_chain(const Certificates& chain, const Certificates& roots, const std::string& root_file) {
  const StorePtr store(X509_STORE_new());
  for (const CertificatePtr& root : roots) X509_STORE_add_cert(store.get(), root.get());
  const StackPtr between(sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between.get(), chain[i].get());
  const StoreContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between.get());
  if (X509_verify_cert(context.get()) == 1) return {};
  const int fault = X509_STORE_CTX_get_error(context.get());
  return openssl_failure(std::string("does not lead to ") + root_file + ": " +
                         X509_verify_cert_error_string(fault));
}

Result<std::string> all_to_pem(const Certificates& certificates, bool with_roots) {
  std::string text;
  for (const CertificatePtr& certificate : certificates) {
    if (!with_roots && X509_self_signed(certificate.get(), 0) == 1) continue;
    auto pem = to_pem(*certificate);
    if (!pem.ok()) return pem;
    text += *pem;
  }
  return text;
}

/// A text as `parse` reads it; an error names it.
template <typename Parse>
auto parse_named(const NamedText& text, Parse parse) -> decltype(parse(text.text)) {
  auto parsed = parse(text.text);
  if (!parsed.ok()) return std::move(parsed).error().in(text.name);
  return parsed;
}

Result<void> read_into(const std::string& path, NamedText& out) {
  auto text = read_file(path);
  if (!text.ok()) return Error{text.error()};
  out = {path, std::move(*text)};
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Error{"cannot read " + path + ": " + std::strerror(errno)};
  return text;
}

Result<AuthorityMaterial> load_authority(const AuthoritySource& source,
                                         CertificateAuthority::IfMissing if_missing) {
  AuthoritySource files = source;
  if (!source.given()) {
    auto own = own_root(source, if_missing);
    if (!own.ok()) return Error{own.error()};
    files = std::move(*own);
  }
  if (files.root_file.empty()) files.root_file = files.certificate_file;
  AuthorityTexts texts;
  auto read = read_into(files.key_file, texts.key);
  if (read.ok()) read = read_into(files.certificate_file, texts.certificate);
  if (read.ok()) read = read_into(files.root_file, texts.root);
  if (!read.ok()) return Error{read.error()};
  auto material = read_authority(texts, source.trust_domain);
  if (material.ok())
    material->origin = (source.given() ? "given authority " : "own root ") + files.certificate_file;
  return material;
}

Result<AuthorityMaterial> read_authority(const AuthorityTexts& texts, const std::string& trust_domain) {
  AuthorityMaterial material;
  auto key = parse_named(texts.key, key_from_pem);
  if (!key.ok()) return Error{key.error()};
  auto chain = parse_named(texts.certificate, certificates_from_pem);
  if (!chain.ok()) return Error{chain.error()};
  const auto roots = parse_named(texts.root, certificates_from_pem);
  if (!roots.ok()) return Error{roots.error()};

  auto checked = check_signer(*chain->front(), **key, texts.key.name);
  if (checked.ok()) checked = check_trust_domain(*chain->front(), trust_domain);
  if (checked.ok()) checked = check_chain(*chain, *roots, texts.root.name);
  if (!checked.ok()) return Error{texts.certificate.name + ": " + checked.error().message};

  const auto between = all_to_pem(*chain, /*with_roots=*/false);
  if (!between.ok()) return Error{between.error()};
  const auto trusted = all_to_pem(*roots, /*with_roots=*/true);
  if (!trusted.ok()) return Error{trusted.error()};
  material.chain_pem = *between;
  material.root_pem = *trusted;
  material.key = std::move(*key);
  material.chain = std::move(*chain);
  return material;
}

}  // namespace remora::identity
