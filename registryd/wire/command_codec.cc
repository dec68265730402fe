#include "registryd/wire/command_codec.h"

#include <limits>
#include <utility>
#include <vector>

#include "google/protobuf/arena.h"
#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/internal/v1/command.pb.h"
#include "registryd/wire/proto_reader.h"
#include "registryd/wire/proto_writer.h"
#include "registryd/wire/spec_codec.h"

namespace registryd::wire {
namespace {

namespace pb = ::registryd::internal::v1;
using RepeatedTargets = google::protobuf::RepeatedPtrField<pb::Target>;
using RepeatedLeases = google::protobuf::RepeatedPtrField<pb::ExpireLeases::Expired>;

constexpr size_t kFeatureLevelAt = 1;
constexpr size_t kTimeAt = 3;

void PutLittleEndian(uint64_t value, size_t size, size_t at, std::string* out) {
  for (size_t i = 0; i < size; ++i) (*out)[at + i] = static_cast<char>((value >> (8 * i)) & 0xff);
}

uint64_t GetLittleEndian(std::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}

void TargetToProto(const core::Target& target, pb::Target* out) {
  out->set_name(target.name.text());
  out->set_incarnation(target.incarnation.value());
}

void ClaimToProto(const core::LeaseClaim& claim, pb::LeaseClaim* out) {
  out->set_id(claim.id.value());
  out->set_ttl_ms(claim.ttl_ms);
  out->set_owner(claim.owner);
}

// Does not come here: AppendRegister.
void ToProto(const core::Register&, pb::CommandBody*) {}

void ToProto(const core::Deregister& command, pb::CommandBody* body) {
  pb::Deregister* out = body->mutable_deregister();
  for (const core::Target& target : command.targets) TargetToProto(target, out->add_targets());
  out->set_reason(command.reason);
  out->set_process_exit(command.process_exit);
  out->set_force(command.force);
}

void ToProto(const core::Update& command, pb::CommandBody* body) {
  pb::Update* out = body->mutable_update();
  TargetToProto(command.target, out->mutable_target());
  out->set_expected_revision(command.expected.value());
  if (command.labels) LabelsToProto(*command.labels, out->mutable_labels()->mutable_entries());
  if (command.endpoints) {
    EndpointsToProto(*command.endpoints, out->mutable_endpoints()->mutable_entries());
  }
  if (command.weight) out->set_weight(*command.weight);
  if (command.version) out->set_version(*command.version);
  if (command.zone) out->set_zone(*command.zone);
}

void ToProto(const core::SetHealth& command, pb::CommandBody* body) {
  pb::SetHealth* out = body->mutable_set_health();
  TargetToProto(command.target, out->mutable_target());
  out->set_report(static_cast<uint32_t>(command.report));
  out->set_message(command.message);
  out->set_force(command.force);
}

void ToProto(const core::GrantLease& command, pb::CommandBody* body) {
  ClaimToProto(command.lease, body->mutable_grant_lease()->mutable_lease());
}

void ToProto(const core::RevokeLease& command, pb::CommandBody* body) {
  pb::RevokeLease* out = body->mutable_revoke_lease();
  out->set_id(command.id.value());
  out->set_epoch(command.epoch.value());
}

void LeasesToProto(const std::vector<core::LeaseRef>& leases, RepeatedLeases* out) {
  out->Reserve(static_cast<int>(leases.size()));
  for (const core::LeaseRef& ref : leases) {
    pb::ExpireLeases::Expired* to = out->Add();
    to->set_id(ref.id.value());
    to->set_epoch(ref.epoch.value());
  }
}

void RuleToProto(const core::GuardRule& rule, pb::GuardRule* out) {
  out->set_share_num(rule.share_num);
  out->set_share_den(rule.share_den);
  out->set_hold_ms(rule.hold_ms);
  out->set_hold_all(rule.hold_all);
}

void ToProto(const core::ExpireLeases& command, pb::CommandBody* body) {
  pb::ExpireLeases* out = body->mutable_expire_leases();
  LeasesToProto(command.leases, out->mutable_leases());
  out->set_term(command.term.value());
  if (command.guard) RuleToProto(*command.guard, out->mutable_guard());
}

void ToProto(const core::ReviveLeases& command, pb::CommandBody* body) {
  LeasesToProto(command.leases, body->mutable_revive_leases()->mutable_leases());
}

void ToProto(const core::ReleaseGuard& command, pb::CommandBody* body) {
  body->mutable_release_guard()->set_service(command.service);
}

void ToProto(const core::Tend& command, pb::CommandBody* body) {
  RuleToProto(command.guard, body->mutable_tend()->mutable_guard());
}

void ToProto(const core::SetMaintenance& command, pb::CommandBody* body) {
  pb::SetMaintenance* out = body->mutable_set_maintenance();
  out->set_target(command.target);
  out->set_owner(command.owner);
  out->set_reason(command.reason);
  out->set_duration_ms(command.duration_ms);
  out->set_force(command.force);
}

void ToProto(const core::EndMaintenance& command, pb::CommandBody* body) {
  body->mutable_end_maintenance()->set_target(command.target);
}

void ToProto(const core::SetService& command, pb::CommandBody* body) {
  pb::SetService* out = body->mutable_set_service();
  out->set_service(command.service);
  if (command.min_healthy) out->set_min_healthy(*command.min_healthy);
}

void ToProto(const core::SetCheckers& command, pb::CommandBody* body) {
  for (const NodeId node : command.nodes) {
    body->mutable_set_checkers()->add_nodes(node.value());
  }
  if (command.nodes.empty()) body->mutable_set_checkers();
}

void ToProto(const core::ReportChecks& command, pb::CommandBody* body) {
  pb::ReportChecks* out = body->mutable_report_checks();
  out->set_node(command.node.value());
  for (const core::ReportChecks::Result& result : command.results) {
    pb::ReportChecks::Result* to = out->add_results();
    TargetToProto(result.target, to->mutable_target());
    to->set_epoch(result.epoch.value());
    to->set_passed(result.passed);
    to->set_message(result.message);
  }
}

void ToProto(const core::RemoveCritical& command, pb::CommandBody* body) {
  pb::RemoveCritical* out = body->mutable_remove_critical();
  for (const core::Target& target : command.targets) TargetToProto(target, out->add_targets());
}

void ToProto(const core::TrimHistory& command, pb::CommandBody* body) {
  body->mutable_trim_history()->set_floor(command.floor.value());
}

void ToProto(const core::RaiseFeatureLevel& command, pb::CommandBody* body) {
  body->mutable_raise_feature_level()->set_level(command.level);
}

absl::StatusOr<core::Target> FromProto(const pb::Target& target) {
  core::Target out;
  ASSIGN_OR_RETURN(out.name, NameFromProto(target.name()));
  out.incarnation = Revision(target.incarnation());
  return out;
}

absl::StatusOr<std::vector<core::Target>> FromProto(const RepeatedTargets& targets) {
  std::vector<core::Target> out;
  out.reserve(static_cast<size_t>(targets.size()));
  for (const pb::Target& target : targets) {
    ASSIGN_OR_RETURN(core::Target one, FromProto(target));
    out.push_back(std::move(one));
  }
  return out;
}

absl::StatusOr<core::LeaseClaim> FromProto(const pb::LeaseClaim& claim) {
  if (claim.id() == 0) return absl::DataLossError("a lease without an id");
  if (claim.ttl_ms() < 0) {
    return absl::DataLossError(Text("lease ", claim.id(), " with ttl ", claim.ttl_ms()));
  }
  return core::LeaseClaim{LeaseId(claim.id()), claim.ttl_ms(), claim.owner()};
}

absl::StatusOr<core::Command> FromProto(const pb::Register& command) {
  core::Register out;
  out.instances.reserve(static_cast<size_t>(command.instances_size()));
  for (const pb::Spec& spec : command.instances()) {
    ASSIGN_OR_RETURN(core::InstanceSpec one, SpecFromProto(spec));
    out.instances.push_back(std::move(one));
  }
  if (command.has_lease()) {
    ASSIGN_OR_RETURN(out.lease, FromProto(command.lease()));
  }
  return out;
}

absl::StatusOr<core::Command> FromProto(const pb::Update& command) {
  core::Update out;
  ASSIGN_OR_RETURN(out.target, FromProto(command.target()));
  out.expected = Revision(command.expected_revision());
  if (command.has_labels()) {
    ASSIGN_OR_RETURN(out.labels, LabelsFromProto(command.labels().entries()));
  }
  if (command.has_endpoints()) {
    ASSIGN_OR_RETURN(out.endpoints, EndpointsFromProto(command.endpoints().entries()));
  }
  if (command.has_weight()) out.weight = command.weight();
  if (command.has_version()) out.version = command.version();
  if (command.has_zone()) out.zone = command.zone();
  return out;
}

absl::StatusOr<core::Command> FromProto(const pb::SetHealth& command) {
  core::SetHealth out;
  ASSIGN_OR_RETURN(out.target, FromProto(command.target()));
  ASSIGN_OR_RETURN(out.report, ReportFromProto(command.report()));
  out.message = command.message();
  out.force = command.force();
  return out;
}

std::vector<core::LeaseRef> FromProto(const RepeatedLeases& leases) {
  std::vector<core::LeaseRef> out;
  out.reserve(static_cast<size_t>(leases.size()));
  for (const pb::ExpireLeases::Expired& lease : leases) {
    out.push_back({LeaseId(lease.id()), LeaseEpoch(lease.epoch())});
  }
  return out;
}

absl::StatusOr<core::GuardRule> FromProto(const pb::GuardRule& rule) {
  if (rule.share_den() == 0 || rule.hold_ms() < 0) {
    return absl::DataLossError(Text("a guard's rule with share ", rule.share_num(), "/",
                                    rule.share_den(), " and hold ", rule.hold_ms()));
  }
  return core::GuardRule{rule.share_num(), rule.share_den(), rule.hold_ms(), rule.hold_all()};
}

absl::StatusOr<core::Command> FromProto(const pb::ExpireLeases& command) {
  core::ExpireLeases out{FromProto(command.leases()), Term(command.term())};
  if (command.has_guard()) {
    ASSIGN_OR_RETURN(out.guard, FromProto(command.guard()));
  }
  return out;
}

// "namespace/service" is an instance's name without its last part.
absl::Status CheckServiceName(const std::string& name) {
  if (core::InstanceName::IsJoined(name + "/i")) return absl::OkStatus();
  return absl::DataLossError(Text("not namespace/service: ", name));
}

absl::Status CheckOverrideTarget(const std::string& target) {
  return core::InstanceName::IsJoined(target) ? absl::OkStatus() : CheckServiceName(target);
}

absl::StatusOr<core::Command> FromProto(const pb::ReleaseGuard& command) {
  if (!command.service().empty()) RETURN_IF_ERROR(CheckServiceName(command.service()));
  return core::ReleaseGuard{command.service()};
}

absl::StatusOr<core::Command> FromProto(const pb::SetMaintenance& command) {
  RETURN_IF_ERROR(CheckOverrideTarget(command.target()));
  if (command.duration_ms() < 0) {
    return absl::DataLossError(Text("maintenance for ", command.duration_ms(), " ms"));
  }
  return core::SetMaintenance{command.target(), command.owner(), command.reason(),
                              command.duration_ms(), command.force()};
}

absl::StatusOr<core::Command> FromProto(const pb::SetService& command) {
  RETURN_IF_ERROR(CheckServiceName(command.service()));
  core::SetService out{command.service(), {}};
  if (command.has_min_healthy()) out.min_healthy = command.min_healthy();
  return out;
}

absl::StatusOr<core::Command> FromProto(const pb::SetCheckers& command) {
  core::SetCheckers out;
  for (const uint64_t node : command.nodes()) out.nodes.push_back(NodeId(node));
  return out;
}

absl::StatusOr<core::Command> FromProto(const pb::ReportChecks& command) {
  core::ReportChecks out{NodeId(command.node()), {}};
  out.results.reserve(static_cast<size_t>(command.results_size()));
  for (const pb::ReportChecks::Result& result : command.results()) {
    core::ReportChecks::Result& to = out.results.emplace_back();
    ASSIGN_OR_RETURN(to.target, FromProto(result.target()));
    to.epoch = Revision(result.epoch());
    to.passed = result.passed();
    to.message = result.message();
  }
  return out;
}

absl::StatusOr<core::Command> CommandFromProto(const pb::CommandBody& body) {
  switch (body.command_case()) {
    case pb::CommandBody::kRegister:
      return FromProto(body.register_());
    case pb::CommandBody::kDeregister: {
      core::Deregister out;
      ASSIGN_OR_RETURN(out.targets, FromProto(body.deregister().targets()));
      out.reason = body.deregister().reason();
      out.process_exit = body.deregister().process_exit();
      out.force = body.deregister().force();
      return out;
    }
    case pb::CommandBody::kUpdate:
      return FromProto(body.update());
    case pb::CommandBody::kSetHealth:
      return FromProto(body.set_health());
    case pb::CommandBody::kGrantLease: {
      core::GrantLease out;
      ASSIGN_OR_RETURN(out.lease, FromProto(body.grant_lease().lease()));
      return out;
    }
    case pb::CommandBody::kRevokeLease:
      return core::RevokeLease{LeaseId(body.revoke_lease().id()),
                               LeaseEpoch(body.revoke_lease().epoch())};
    case pb::CommandBody::kExpireLeases:
      return FromProto(body.expire_leases());
    case pb::CommandBody::kRemoveCritical: {
      core::RemoveCritical out;
      ASSIGN_OR_RETURN(out.targets, FromProto(body.remove_critical().targets()));
      return out;
    }
    case pb::CommandBody::kTrimHistory:
      return core::TrimHistory{Revision(body.trim_history().floor())};
    case pb::CommandBody::kReviveLeases:
      return core::ReviveLeases{FromProto(body.revive_leases().leases())};
    case pb::CommandBody::kReleaseGuard:
      return FromProto(body.release_guard());
    case pb::CommandBody::kTend: {
      core::Tend out;
      ASSIGN_OR_RETURN(out.guard, FromProto(body.tend().guard()));
      return out;
    }
    case pb::CommandBody::kSetMaintenance:
      return FromProto(body.set_maintenance());
    case pb::CommandBody::kEndMaintenance:
      RETURN_IF_ERROR(CheckOverrideTarget(body.end_maintenance().target()));
      return core::EndMaintenance{body.end_maintenance().target()};
    case pb::CommandBody::kSetService:
      return FromProto(body.set_service());
    case pb::CommandBody::kSetCheckers:
      return FromProto(body.set_checkers());
    case pb::CommandBody::kReportChecks:
      return FromProto(body.report_checks());
    case pb::CommandBody::kRaiseFeatureLevel:
      return core::RaiseFeatureLevel{body.raise_feature_level().level()};
    case pb::CommandBody::COMMAND_NOT_SET:
      break;
  }
  return absl::DataLossError("the envelope holds no command");
}

// A registration is most of what is logged, so it goes the short way (proto_writer.h): the fields
// of internal.v1.CommandBody with a Register.
void AppendRegister(const core::RequestId& request, std::string_view actor,
                    const core::Register& command, std::string* out) {
  Writer writer(out);
  PutFixed(writer, 1, request.client_id);
  PutFixed(writer, 2, request.sequence);
  PutText(writer, 3, actor);
  PutMessageBy(writer, 10, [&command](auto& to) {
    for (const core::InstanceSpec& spec : command.instances) {
      PutMessageBy(to, 1, [&spec](auto& fields) { PutSpec(fields, spec); });
    }
    if (!command.lease) return;
    PutMessageBy(to, 2, [&claim = *command.lease](auto& fields) {
      PutFixed(fields, 1, claim.id.value());
      PutNumber(fields, 2, static_cast<uint64_t>(claim.ttl_ms));
      PutText(fields, 3, claim.owner);
    });
  });
}

bool ReadClaim(std::string_view bytes, core::LeaseClaim* out) {
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kFixed64):
        out->id = LeaseId(reader.Fixed());
        break;
      case Tag(2, kVarint):
        out->ttl_ms = static_cast<int64_t>(reader.Varint());
        break;
      case Tag(3, kLength):
        out->owner = reader.Text();
        break;
      default:
        return false;
    }
  }
  return reader.ok() && out->id && out->ttl_ms >= 0;
}

bool ReadRegister(std::string_view bytes, core::Register* out) {
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kLength):
        if (!ReadSpec(reader.Bytes(), &out->instances.emplace_back())) return false;
        break;
      case Tag(2, kLength):
        if (out->lease || !ReadClaim(reader.Bytes(), &out->lease.emplace())) return false;
        break;
      default:
        return false;
    }
  }
  return reader.ok();
}

// What AppendRegister writes, or false: the generated classes judge then.
bool ReadRegister(std::string_view bytes, DecodedCommand* out) {
  core::RequestId request;
  std::string_view actor;
  core::Register command;
  bool found = false;
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case Tag(1, kFixed64):
        request.client_id = reader.Fixed();
        break;
      case Tag(2, kFixed64):
        request.sequence = reader.Fixed();
        break;
      case Tag(3, kLength):
        actor = reader.Text();
        break;
      case Tag(10, kLength):
        if (std::exchange(found, true) || !ReadRegister(reader.Bytes(), &command)) return false;
        break;
      default:
        return false;
    }
  }
  if (!reader.ok() || !found) return false;
  out->request = request;
  out->actor = std::string(actor);
  out->command = std::move(command);
  return true;
}

absl::Status CheckHeader(std::string_view bytes) {
  if (bytes.size() < kEnvelopeHeaderSize) {
    return absl::DataLossError(Text("an envelope of ", bytes.size(), " bytes is too short"));
  }
  const auto version = static_cast<uint8_t>(bytes[0]);
  if (version != kEnvelopeVersion) {
    return absl::UnimplementedError(Text("envelope format ", version, "; this build knows ",
                                         kEnvelopeVersion, ": update this member"));
  }
  const uint64_t level = GetLittleEndian(bytes, kFeatureLevelAt, 2);
  if (level == 0 || level > ThisBuild().feature_level) {
    return absl::UnimplementedError(Text("feature level ", level, "; this build knows up to ",
                                         ThisBuild().feature_level, ": update this member"));
  }
  return absl::OkStatus();
}

// The lowest level of a member that understands it. Who cannot follow must not miss that the level
// was raised, so that command is of the level that it announces.
uint16_t LevelOf(const core::Command& command) {
  if (const auto* raise = std::get_if<core::RaiseFeatureLevel>(&command)) {
    return static_cast<uint16_t>(raise->level);
  }
  return std::holds_alternative<core::Deregister>(command) ? ThisBuild().deregister_level : 1;
}

}  // namespace

std::string EncodeCommand(const core::RequestId& request, std::string_view actor,
                          const core::Command& command) {
  std::string out(kEnvelopeHeaderSize, '\0');
  out[0] = static_cast<char>(kEnvelopeVersion);
  PutLittleEndian(LevelOf(command), 2, kFeatureLevelAt, &out);
  if (const auto* registration = std::get_if<core::Register>(&command)) {
    AppendRegister(request, actor, *registration, &out);
    return out;
  }
  google::protobuf::Arena arena;
  auto* body = google::protobuf::Arena::CreateMessage<pb::CommandBody>(&arena);
  body->set_client_id(request.client_id);
  body->set_sequence(request.sequence);
  body->set_actor(actor.data(), actor.size());
  std::visit([body](const auto& c) { ToProto(c, body); }, command);
  const bool written = body->AppendToString(&out);
  REGISTRYD_CHECK(written, "a command of more than 2 GiB");
  return out;
}

absl::StatusOr<DecodedCommand> DecodeCommand(std::string_view bytes) {
  RETURN_IF_ERROR(CheckHeader(bytes));
  const std::string_view rest = bytes.substr(kEnvelopeHeaderSize);
  DecodedCommand out;
  out.feature_level = static_cast<uint16_t>(GetLittleEndian(bytes, kFeatureLevelAt, 2));
  out.time_ms = static_cast<int64_t>(GetLittleEndian(bytes, kTimeAt, 8));
  if (ReadRegister(rest, &out)) return out;
  google::protobuf::Arena arena;
  auto* body = google::protobuf::Arena::CreateMessage<pb::CommandBody>(&arena);
  if (rest.size() > size_t{std::numeric_limits<int>::max()} ||
      !body->ParseFromArray(rest.data(), static_cast<int>(rest.size()))) {
    return absl::DataLossError("the envelope holds no readable CommandBody");
  }
  ASSIGN_OR_RETURN(out.command, CommandFromProto(*body));
  out.request = {body->client_id(), body->sequence()};
  out.actor = body->actor();
  const auto* raise = std::get_if<core::RaiseFeatureLevel>(&out.command);
  if (raise != nullptr && raise->level != out.feature_level) {
    return absl::DataLossError(Text("an envelope of feature level ", out.feature_level,
                                    " announces level ", raise->level));
  }
  return out;
}

absl::Status CheckAndStamp(std::string& bytes, int64_t time_ms, uint32_t cluster_level) {
  ASSIGN_OR_RETURN(const DecodedCommand decoded, DecodeCommand(bytes));
  if (decoded.feature_level > cluster_level &&
      !std::holds_alternative<core::RaiseFeatureLevel>(decoded.command)) {
    return absl::FailedPreconditionError(
        Text("this call needs feature level ", decoded.feature_level, " and the cluster is at ",
             cluster_level,
             " until every member runs a build that knows more; upgrade the others first"));
  }
  PutLittleEndian(static_cast<uint64_t>(time_ms), 8, kTimeAt, &bytes);
  return absl::OkStatus();
}

}  // namespace registryd::wire
