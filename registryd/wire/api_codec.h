// The public API's messages (registry.v1) to core's types and back: the only translator.
//
// FromApi fills in defaults that need no randomness (namespace "default", weight 1, endpoint name
// "default"), narrows numbers only where they fit, and reports what does not fit as
// INVALID_ARGUMENT with the field's path, as core/validate.h does. Everything else is judged there.
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/v1/registration.pb.h"
#include "registry/v1/types.pb.h"
#include "registryd/core/commands.h"
#include "registryd/core/types.h"

namespace registryd::wire {

// `path` is the prefix for messages, for example "instances[2]". An empty id is left empty
// (operations makes one).
absl::StatusOr<core::InstanceSpec> SpecFromApi(std::string_view path,
                                               const registry::v1::InstanceSpec& spec,
                                               std::string_view id_if_empty);
absl::StatusOr<core::Target> TargetFromApi(std::string_view path,
                                           const registry::v1::InstanceRef& ref);
absl::StatusOr<core::Update> UpdateFromApi(const registry::v1::UpdateRequest& request);
absl::StatusOr<core::SetHealth> SetHealthFromApi(const registry::v1::SetHealthRequest& request);
core::RequestId RequestIdFromApi(const registry::v1::RequestId& id);

void SpecToApi(const core::InstanceSpec& spec, registry::v1::InstanceSpec* out);
void MaintenanceToApi(const core::Override& entry, registry::v1::Maintenance* out);
void InstanceToApi(const core::Instance& instance, registry::v1::Instance* out);
void GrantedLeaseToApi(const core::Lease& lease, registry::v1::GrantedLease* out);

// Appends the instance as one element of a repeated message field with this number: tag, length,
// message. Field encodings can be joined, so a LookupResponse is a small header followed by
// elements that were encoded before.
void AppendInstanceElement(int field_number, const core::Instance& instance, std::string* out);

}  // namespace registryd::wire
