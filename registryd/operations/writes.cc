#include "registryd/operations/writes.h"

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "registryd/base/random.h"
#include "registryd/core/limits.h"
#include "registryd/core/validate.h"
#include "registryd/wire/command_codec.h"

namespace registryd::operations {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

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
  proposer_->Propose(wire::EncodeCommand(request, caller.identity, command),
                     [access = access_, caller, verb = touched.verb, object = std::move(object),
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
