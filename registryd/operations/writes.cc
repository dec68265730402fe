#include "registryd/operations/writes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "registryd/base/check.h"
#include "registryd/base/random.h"
#include "registryd/base/text.h"
#include "registryd/core/limits.h"
#include "registryd/core/validate.h"
#include "registryd/operations/authenticator.h"
#include "registryd/wire/command_codec.h"

namespace registryd::operations {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

constexpr int64_t kCountAgainMs = 1'000;
constexpr size_t kRoomsKept = 10'000;

// A repeated request gets the same lease again.
void FillLease(const core::RequestId& request, core::LeaseClaim& lease) {
  if (lease.id) return;
  lease.id = LeaseId(request.client_id == 0 ? RandomId()
                                            : DerivedId(request.client_id, request.sequence, 0));
  if (lease.ttl_ms == 0) lease.ttl_ms = core::limits::kTtlDefaultMs;
}

void FillIn(const core::RequestId& request, core::Command& command) {
  if (auto* reg = std::get_if<core::Register>(&command)) {
    if (reg->lease) FillLease(request, *reg->lease);
  } else if (auto* grant = std::get_if<core::GrantLease>(&command)) {
    FillLease(request, grant->lease);
    if (grant->lease.ttl_ms == 0) grant->lease.ttl_ms = core::limits::kTtlDefaultMs;
  }
}

// The lease's owner, for an identity: itself, or as much of it as fits and a hash of it.
std::string OwnerOf(const Caller& caller) {
  if (caller.identity.size() <= core::limits::kOwnerSize) return caller.identity;
  const std::string hash = Text("#", Sha256Hex(caller.identity).substr(0, 32));
  return caller.identity.substr(0, core::limits::kOwnerSize - hash.size()) + hash;
}

// Whether it matters whose the lease is.
bool ConcernsLease(const core::Command& command) {
  if (const auto* reg = std::get_if<core::Register>(&command)) return reg->lease.has_value();
  return std::holds_alternative<core::GrantLease>(command) ||
         std::holds_alternative<core::RevokeLease>(command);
}

void SetOwner(const std::string& owner, core::Command& command) {
  if (auto* reg = std::get_if<core::Register>(&command)) {
    if (reg->lease) reg->lease->owner = owner;
  } else if (auto* grant = std::get_if<core::GrantLease>(&command)) {
    grant->lease.owner = owner;
  }
}

// What a command touches, for authorization and the audit trail.
struct Touched {
  Verb verb;
  std::vector<std::string_view> services;
};

Touched TouchedBy(const core::Command& command) {
  const auto one = [](const core::Target& target) {
    return std::vector<std::string_view>{target.name.service_name()};
  };
  return std::visit(Overloaded{
                        [](const core::Register& c) {
                          Touched touched{Verb::kRegister, {}};
                          for (const auto& spec : c.instances)
                            touched.services.push_back(spec.name.service_name());
                          return touched;
                        },
                        [](const core::Deregister& c) {
                          Touched touched{Verb::kDeregister, {}};
                          for (const auto& target : c.targets) {
                            touched.services.push_back(target.name.service_name());
                          }
                          return touched;
                        },
                        [&](const core::Update& c) {
                          return Touched{Verb::kUpdate, one(c.target)};
                        },
                        [&](const core::SetHealth& c) {
                          return Touched{Verb::kUpdate, one(c.target)};
                        },
                        [](const core::GrantLease&) {
                          return Touched{Verb::kLease, {std::string_view()}};
                        },
                        [](const core::RevokeLease&) {
                          return Touched{Verb::kLease, {std::string_view()}};
                        },
                        [](const core::SetMaintenance& c) {
                          return Touched{Verb::kOverride, {core::ServiceOf(c.target)}};
                        },
                        [](const core::EndMaintenance& c) {
                          return Touched{Verb::kOverride, {core::ServiceOf(c.target)}};
                        },
                        [](const core::SetService& c) {
                          return Touched{Verb::kOverride, {std::string_view(c.service)}};
                        },
                        [](const core::ReleaseGuard&) {
                          return Touched{Verb::kOperate, {std::string_view()}};
                        },
                        // Proposed by the liveness driver, which does not come this way.
                        [](const auto&) {
                          return Touched{Verb::kOperate, {std::string_view()}};
                        },
                    },
                    command);
}

}  // namespace

void Writes::Submit(const Caller& caller, const core::RequestId& request, core::Command command,
                    Done done, std::optional<Verb> as) {
  const bool own_leases_only = !caller.identity.empty() && ConcernsLease(command) &&
                               !access_->Allows(caller, Verb::kOperate, {});
  if (own_leases_only) SetOwner(OwnerOf(caller), command);
  FillIn(request, command);
  if (absl::Status valid = core::ValidateCommand(command); !valid.ok()) {
    return std::move(done)(std::move(valid));
  }
  Touched touched = TouchedBy(command);
  if (as) touched.verb = *as;
  std::string_view last;
  for (std::string_view service : touched.services) {
    if (service == last && !service.empty()) continue;  // a batch is mostly of one service
    last = service;
    absl::Status allowed = access_->Authorize(caller, touched.verb, service);
    if (!allowed.ok()) return std::move(done)(std::move(allowed));
  }
  std::string object(touched.services.front());
  auto propose = [this, caller, request, verb = touched.verb, object = std::move(object)](
                     const core::Command& ready, Done then) mutable {
    Propose(caller, request, ready, verb, std::move(object), std::move(then));
  };
  if (const auto* reg = std::get_if<core::Register>(&command)) {
    if (absl::Status room = CheckRoom(caller, *reg); !room.ok()) {
      access_->Record(caller, touched.verb, reg->instances.front().name.service_name(), Revision(),
                      room);
      return std::move(done)(std::move(room));
    }
  }
  const auto* revoke = std::get_if<core::RevokeLease>(&command);
  if (revoke == nullptr || !own_leases_only || guards_.lease_owner == nullptr) {
    return propose(command, std::move(done));
  }
  guards_.lease_owner(
      revoke->id, [this, caller, id = revoke->id, command, propose = std::move(propose),
                   done = std::move(done)](std::optional<std::string> owner) mutable {
        absl::Status allowed;
        if (!owner) {
          allowed = absl::NotFoundError(Text("lease ", id, " does not exist"));
        } else if (*owner != OwnerOf(caller)) {
          allowed = absl::PermissionDeniedError(
              Text("lease ", id, " is not of \"", caller.identity, "\"; only its owner ends it"));
        }
        if (allowed.ok()) return propose(command, std::move(done));
        access_->Record(caller, Verb::kLease, {}, Revision(), allowed);
        std::move(done)(std::move(allowed));
      });
}

// Only what is not there yet takes room, so that whoever is at its limit can still repeat itself.
absl::Status Writes::CheckRoom(const Caller& caller, const core::Register& command) {
  if (guards_.replica == nullptr ||
      (guards_.instances_per_namespace == 0 && guards_.instances_per_identity == 0)) {
    return absl::OkStatus();
  }
  absl::flat_hash_map<std::string, uint64_t> wanted;
  uint64_t more = 0;
  const auto view = guards_.replica->view();
  for (const core::InstanceSpec& spec : command.instances) {
    const replica::ServiceView* service = view->Find(spec.name.service_name());
    if (service != nullptr && service->instances.Find(spec.name.id()) != nullptr) continue;
    ++wanted[std::string(spec.name.ns())];
    ++more;
  }
  if (guards_.owned != nullptr && guards_.instances_per_identity != 0 && more != 0 &&
      command.lease && !caller.identity.empty() && command.lease->owner == OwnerOf(caller)) {
    const uint64_t held = guards_.owned->Of(command.lease->owner);
    if (held + more > guards_.instances_per_identity) {
      return absl::ResourceExhaustedError(
          Text("\"", caller.identity, "\" has ", held, " instances on its leases and may have ",
               guards_.instances_per_identity, "; deregister some, or ask the operator"));
    }
  }
  if (guards_.instances_per_namespace == 0) return absl::OkStatus();
  for (const auto& [ns, count] : wanted) RETURN_IF_ERROR(CheckNamespace(ns, count));
  return absl::OkStatus();
}

absl::Status Writes::CheckNamespace(const std::string& ns, uint64_t more) {
  const int64_t now_ms = clock_.MonotonicMs();
  MutexLock lock(mutex_);
  if (rooms_.size() > kRoomsKept) rooms_.clear();
  Room& room = rooms_[ns];
  if (room.counted_ms == 0 || now_ms - room.counted_ms >= kCountAgainMs) {
    room = {now_ms, 0};
    const std::string prefix = Text(ns, "/");
    guards_.replica->view()->services.ForEachFrom(prefix, [&](const replica::ServicePtr& service) {
      if (service->name.compare(0, prefix.size(), prefix) != 0) return false;
      room.instances += service->instances.size();
      return true;
    });
  }
  if (room.instances + more > guards_.instances_per_namespace) {
    return absl::ResourceExhaustedError(
        Text("namespace ", ns, " is full: it may have ", guards_.instances_per_namespace,
             " instances and has ", room.instances, "; deregister some, or ask the operator"));
  }
  room.instances += more;
  return absl::OkStatus();
}

void Writes::Propose(const Caller& caller, const core::RequestId& request,
                     const core::Command& command, Verb verb, std::string object, Done done) {
  proposer_->Propose(wire::EncodeCommand(request, caller.identity, command),
                     [access = access_, caller, verb, object = std::move(object),
                      done = std::move(done)](absl::StatusOr<consensus::Applied> applied) mutable {
                       if (!applied.ok()) {
                         access->Record(caller, verb, object, Revision(), applied.status());
                         return std::move(done)(applied.status());
                       }
                       const auto& reply = *static_cast<const core::Reply*>(applied->reply.get());
                       access->Record(caller, verb, object, reply.revision, reply.status);
                       if (!reply.status.ok()) return std::move(done)(reply.status);
                       std::move(done)(reply);
                     });
}

}  // namespace registryd::operations
