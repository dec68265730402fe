#include "registryd/consensus/membership_calls.h"

#include <optional>
#include <utility>

#include "registryd/base/bytes.h"
#include "registryd/base/text.h"

namespace registryd::consensus {
namespace {

// A request: kind u8, force u8, id u64 little endian, address. Answered by nothing but a status.
constexpr uint8_t kTransfer = 16;
constexpr int64_t kTimeoutMs = 10'000;

std::string EncodeRequest(uint8_t kind, bool force, NodeId id, std::string_view address) {
  std::string out;
  out.push_back(static_cast<char>(kind));
  out.push_back(force ? 1 : 0);
  AppendLittleEndian(out, id.value());
  return out += address;
}

}  // namespace

std::string MembershipCalls::Encode(const MembershipChange& change) {
  return EncodeRequest(static_cast<uint8_t>(change.kind), change.force, change.id, change.address);
}

void MembershipCalls::Serve() {
  parts_.calls->Handle(kMethod, [this](PeerRequest request, PeerReply reply) {
    // Sent on, too: a node that joins may ask anybody.
    Do(std::move(request.body), [reply = std::move(reply)](absl::Status status) mutable {
      if (status.ok()) {
        std::move(reply)(std::string());
      } else {
        std::move(reply)(std::move(status));
      }
    });
  });
}

void MembershipCalls::Change(MembershipChange change, Done done) {
  Do(Encode(change), std::move(done));
}

void MembershipCalls::Transfer(NodeId to, Done done) {
  Do(EncodeRequest(kTransfer, false, to, ""), std::move(done));
}

void MembershipCalls::Do(std::string request, Done done) {
  const NodeId leader = parts_.leader();
  if (!leader) {
    std::move(done)(absl::UnavailableError("no leader is known; nothing happened, try again"));
    return;
  }
  if (leader == parts_.self) {
    DoHere(request, std::move(done));
    return;
  }
  parts_.calls->Call(leader, kMethod, std::move(request), kTimeoutMs,
                     [done = std::move(done)](absl::StatusOr<std::string> answer) mutable {
                       std::move(done)(answer.status());
                     });
}

void MembershipCalls::DoHere(std::string_view request, Done done) {
  ByteReader reader(request);
  const auto kind = reader.Take<uint8_t>();
  const bool force = reader.Take<uint8_t>() != 0;
  const NodeId id(reader.Take<uint64_t>());
  if (!reader.ok() ||
      (kind != kTransfer && kind > static_cast<uint8_t>(MembershipChange::Kind::kRemove))) {
    std::move(done)(absl::UnimplementedError("the leader does not know this membership change"));
    return;
  }
  if (kind == kTransfer) {
    parts_.raft->TransferLeadership(id, std::move(done));
    return;
  }
  ChangeHere({static_cast<MembershipChange::Kind>(kind), id, std::string(reader.TakeRest()), force},
             std::move(done));
}

void MembershipCalls::ChangeHere(MembershipChange change, Done done) {
  const bool leaves = change.kind == MembershipChange::Kind::kRemove ||
                      change.kind == MembershipChange::Kind::kDemote;
  if (leaves && change.id == parts_.self) {
    parts_.raft->TransferLeadership(
        NodeId(), [done = std::move(done)](absl::Status status) mutable {
          if (!status.ok()) {
            std::move(done)(absl::FailedPreconditionError(
                Text("this node leads, and could not hand over: ", std::string(status.message()))));
            return;
          }
          std::move(done)(absl::UnavailableError("this node led and has handed over; try again"));
        });
    return;
  }
  parts_.raft->ChangeMembership(std::move(change),
                                [done = std::move(done)](absl::StatusOr<Applied> applied) mutable {
                                  std::move(done)(applied.status());
                                });
}

}  // namespace registryd::consensus
