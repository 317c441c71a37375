#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/object.h"

// What the store itself writes into an object's metadata. Pure, but for the clock and the random source.
namespace remora::store {

/// A fresh random UUID (RFC 4122, version 4).
std::string make_uid();

/// The UUID of what a manifest file defines: the same after every start.
std::string uid_of(const ObjectKey& key, const std::string& file);

/// Now, in UTC, in whole seconds: "2026-11-21T06:20:00Z", as Kubernetes' metav1.Time.
std::string timestamp_now();

/// A string of metadata; empty where it is not there.
std::string metadata_text(const boost::json::object& body, std::string_view field);

/// metadata.generation; 0 where it is not there.
int64_t generation_of(const boost::json::object& body);

/// Whether two bodies differ in anything but metadata and status: what makes another generation.
bool same_but_metadata_and_status(const boost::json::object& a, const boost::json::object& b);

/// Whether two bodies differ in nothing but resourceVersion.
bool same_but_version(const boost::json::object& a, const boost::json::object& b);

/// Puts the key's name and namespace, and what the store decides, at their places.
void stamp(Object& object, const std::string& uid, const std::string& created, int64_t generation);

/// Gives the object its version, in the struct and in the body.
void set_version(Object& object, uint64_t version);

}  // namespace remora::store
