#include "registryd/consensus/peer_codec.h"

#include <memory>
#include <utility>

#include "registryd/base/text.h"
#include "registryd/internal/v1/peer.pb.h"

namespace registryd::consensus {
namespace {

using registryd::internal::v1::RaftMessage;

struct Encoder {
  RaftMessage* out;

  void operator()(const RequestVote& vote) const {
    auto* to = out->mutable_request_vote();
    to->set_term(vote.term.value());
    to->set_candidate(vote.candidate.value());
    to->set_last_log_index(vote.last_log_index.value());
    to->set_last_log_term(vote.last_log_term.value());
    to->set_disrupt_leader(vote.disrupt_leader);
    to->set_pre_vote(vote.pre_vote);
  }
  void operator()(const RequestVoteResult& result) const {
    auto* to = out->mutable_request_vote_result();
    to->set_term(result.term.value());
    to->set_granted(result.granted);
    to->set_pre_vote(result.pre_vote);
  }
  void operator()(const AppendEntries& append) const {
    auto* to = out->mutable_append_entries();
    to->set_term(append.term.value());
    to->set_prev_log_index(append.prev_log_index.value());
    to->set_prev_log_term(append.prev_log_term.value());
    to->set_leader_commit(append.leader_commit.value());
    to->mutable_entries()->Reserve(static_cast<int>(append.entries.size()));
    for (const LogEntry& entry : append.entries) {
      auto* added = to->add_entries();
      added->set_term(entry.term.value());
      added->set_type(static_cast<uint32_t>(entry.type));
      added->set_payload(*entry.payload);
    }
  }
  void operator()(const AppendEntriesResult& result) const {
    auto* to = out->mutable_append_entries_result();
    to->set_term(result.term.value());
    to->set_rejected(result.rejected.value());
    to->set_last_log_index(result.last_log_index.value());
    to->set_has_space(result.has_space);
  }
  void operator()(const InstallSnapshot& install) const {
    auto* to = out->mutable_install_snapshot();
    to->set_term(install.term.value());
    to->set_last_index(install.last_index.value());
    to->set_last_term(install.last_term.value());
  }
  void operator()(const TimeoutNow& timeout) const {
    auto* to = out->mutable_timeout_now();
    to->set_term(timeout.term.value());
    to->set_last_log_index(timeout.last_log_index.value());
    to->set_last_log_term(timeout.last_log_term.value());
  }
  void operator()(const Probe& probe) const { Fill(probe, out->mutable_probe()); }
  void operator()(const ProbeAck& ack) const { Fill(ack, out->mutable_probe_ack()); }

  void operator()(const NotMember& answer) const {
    auto* to = out->mutable_not_member();
    to->set_term(answer.term.value());
    to->set_configuration_index(answer.configuration_index.value());
  }

  template <class From>
  static void Fill(const From& from, RaftMessage::Probe* to) {
    to->set_term(from.term.value());
    to->set_context(from.context);
  }
};

absl::StatusOr<AppendEntries> DecodeAppend(RaftMessage::AppendEntries&& from) {
  AppendEntries append{Term(from.term()),
                       LogIndex(from.prev_log_index()),
                       Term(from.prev_log_term()),
                       LogIndex(from.leader_commit()),
                       {}};
  append.entries.reserve(static_cast<size_t>(from.entries_size()));
  for (auto& entry : *from.mutable_entries()) {
    if (entry.type() < static_cast<uint32_t>(EntryType::kCommand) ||
        entry.type() > static_cast<uint32_t>(EntryType::kConfiguration)) {
      return absl::InvalidArgumentError(Text("an entry of the unknown type ", entry.type()));
    }
    append.entries.push_back(
        {Term(entry.term()), static_cast<EntryType>(entry.type()),
         std::make_shared<const std::string>(std::move(*entry.mutable_payload()))});
  }
  return append;
}

absl::StatusOr<decltype(PeerMessage::body)> DecodeBody(RaftMessage&& message) {
  switch (message.body_case()) {
    case RaftMessage::kRequestVote: {
      const auto& from = message.request_vote();
      return RequestVote{
          Term(from.term()),          NodeId(from.candidate()), LogIndex(from.last_log_index()),
          Term(from.last_log_term()), from.disrupt_leader(),    from.pre_vote()};
    }
    case RaftMessage::kRequestVoteResult: {
      const auto& from = message.request_vote_result();
      return RequestVoteResult{Term(from.term()), from.granted(), from.pre_vote()};
    }
    case RaftMessage::kAppendEntries: {
      auto append = DecodeAppend(std::move(*message.mutable_append_entries()));
      if (!append.ok()) return append.status();
      return *std::move(append);
    }
    case RaftMessage::kAppendEntriesResult: {
      const auto& from = message.append_entries_result();
      return AppendEntriesResult{Term(from.term()), LogIndex(from.rejected()),
                                 LogIndex(from.last_log_index()), from.has_space()};
    }
    case RaftMessage::kInstallSnapshot: {
      const auto& from = message.install_snapshot();
      return InstallSnapshot{Term(from.term()), LogIndex(from.last_index()),
                             Term(from.last_term())};
    }
    case RaftMessage::kTimeoutNow: {
      const auto& from = message.timeout_now();
      return TimeoutNow{Term(from.term()), LogIndex(from.last_log_index()),
                        Term(from.last_log_term())};
    }
    case RaftMessage::kProbe:
      return Probe{Term(message.probe().term()), message.probe().context()};
    case RaftMessage::kProbeAck:
      return ProbeAck{Term(message.probe_ack().term()), message.probe_ack().context()};
    case RaftMessage::kNotMember:
      return NotMember{Term(message.not_member().term()),
                       LogIndex(message.not_member().configuration_index())};
    case RaftMessage::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message without a body that this build knows");
}

}  // namespace

void ToProto(const PeerMessage& message, RaftMessage* out) {
  std::visit(Encoder{out}, message.body);
}

absl::StatusOr<PeerMessage> FromProto(RaftMessage&& message, NodeId from,
                                      const std::string& from_address) {
  auto body = DecodeBody(std::move(message));
  if (!body.ok()) return body.status();
  return PeerMessage{from, from_address, *std::move(body)};
}

}  // namespace registryd::consensus
