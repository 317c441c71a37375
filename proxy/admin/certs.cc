// GET /certs. Source: envoy.admin.v3.Certificates.
#include <algorithm>
#include <chrono>
#include <string>

#include "admin/admin_view.h"
#include "admin/commands.h"
#include "admin/json_writer.h"
#include "core/time_format.h"
#include "tls/certificate_set.h"

namespace remora::admin {
namespace {

// protobuf's JSON form of a Timestamp.
std::string timestamp(WallTime time) {
  std::string text;
  append_iso_time(time, text);
  const auto dot = text.rfind(".000Z");
  if (dot != std::string::npos) text.replace(dot, std::string::npos, "Z");
  return text;
}

void write_certificate(JsonWriter& json, const CertificateEntry& entry, WallTime now) {
  json.begin_object();
  json.member("path", entry.path);
  json.member("serial_number", entry.serial);
  json.key("subject_alt_names");
  json.begin_array();
  for (const auto& [type, value] : entry.subject_alt_names) {
    json.begin_object();
    json.member(type, value);
    json.end_object();
  }
  json.end_array();
  const auto days = std::chrono::duration_cast<std::chrono::hours>(entry.expires - now).count() / 24;
  json.member("days_until_expiration", std::to_string(std::max<int64_t>(days, 0)));  // uint64 is a string
  json.member("valid_from", timestamp(entry.valid_from));
  json.member("expiration_time", timestamp(entry.expires));
  json.end_object();
}

void write_list(JsonWriter& json, std::string_view name, const std::vector<CertificateEntry>& entries) {
  json.key(name);
  json.begin_array();
  const auto now = std::chrono::system_clock::now();
  for (const auto& entry : entries) write_certificate(json, entry, now);
  json.end_array();
}

}  // namespace

Response certs(const Request&, AdminSources& sources) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("certificates");
  json.begin_array();
  sources.view.each_tls_context([&](const CertificateSet& set) {
    json.begin_object();
    write_list(json, "ca_cert", set.ca);
    write_list(json, "cert_chain", set.chain);
    json.end_object();
  });
  json.end_array();
  json.end_object();
  return Response::json(std::move(body));
}

}  // namespace remora::admin
