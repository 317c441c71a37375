#include "tls/certificate_choice.h"

#include <utility>

namespace remora {

CertificateChoice::CertificateChoice(std::vector<std::shared_ptr<const KeyPair>> pairs,
                                     const DownstreamTls& config)
    : pairs_(std::move(pairs)),
      full_scan_(config.full_scan_on_sni_mismatch),
      policy_(config.ocsp) {
  for (size_t i = 0; i < pairs_.size(); ++i) {
    all_.push_back(i);
    for (const auto& name : pairs_[i]->names) {
      auto& indexes = name.starts_with("*.") ? wildcard_[name.substr(1)] : exact_[name];
      indexes.push_back(i);
    }
  }
}

CertificateChoice::Staple CertificateChoice::staple(const KeyPair& pair, bool wanted, WallTime now) const {
  using Policy = DownstreamTls::OcspPolicy;
  if (!wanted) return Staple::kOmit;
  if (pair.ocsp_usable(now)) return Staple::kSend;
  if (pair.must_staple || policy_ == Policy::kMustStaple) return Staple::kRefuse;
  const bool expired = !pair.ocsp_response.empty();
  return expired && policy_ == Policy::kStrict ? Staple::kRefuse : Staple::kOmit;
}

std::optional<size_t> CertificateChoice::pick(const Indexes& candidates, const ClientHello& hello,
                                              WallTime now, std::optional<size_t>& spare) const {
  for (const size_t index : candidates) {
    const auto& pair = *pairs_[index];
    if (staple(pair, hello.wants_ocsp, now) == Staple::kRefuse) continue;
    if (pair.ecdsa) {
      if (hello.takes_ecdsa(pair.curve)) return index;
    } else if (hello.ecdsa_curves.empty()) {
      return index;
    } else if (!spare) {
      spare = index;
    }
  }
  return std::nullopt;
}

CertificateChoice::Chosen CertificateChoice::choose(const ClientHello& hello, WallTime now) const {
  std::optional<size_t> spare;
  const auto look = [&](const std::unordered_map<std::string, Indexes>& names, const std::string& key) {
    const auto found = names.find(key);
    return found == names.end() ? std::nullopt : pick(found->second, hello, now, spare);
  };
  if (!hello.sni.empty()) {
    if (const auto index = look(exact_, hello.sni)) return {*index, true, false};
    const auto dot = hello.sni.find('.');
    if (dot != std::string::npos && dot > 0) {
      if (const auto index = look(wildcard_, hello.sni.substr(dot))) return {*index, true, false};
    }
    if (spare) return {*spare, true, false};
  }
  if (hello.sni.empty() || full_scan_) {
    if (const auto index = pick(all_, hello, now, spare)) return {*index, false, false};
    if (spare) return {*spare, false, false};
  }
  return {0, false, staple(*pairs_.front(), hello.wants_ocsp, now) == Staple::kRefuse};
}

}  // namespace remora
