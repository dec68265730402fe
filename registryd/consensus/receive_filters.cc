#include "registryd/consensus/receive_filters.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/text.h"
#include "registryd/consensus/configuration_codec.h"

namespace registryd::consensus {
namespace {

// Far beyond every real index, and far from overflowing when lengths are added.
constexpr uint64_t kMaxIndex = UINT64_MAX / 4;

absl::Status Bad(const char* why) { return absl::InvalidArgumentError(why); }

absl::Status CheckPosition(LogIndex index, Term term) {
  if (index.value() > kMaxIndex) return Bad("an index is out of range");
  if (!index != !term) return Bad("index and term of an entry do not belong together");
  return absl::OkStatus();
}

absl::Status Check(const RequestVote& vote, NodeId from) {
  if (vote.candidate != from) return Bad("a candidate asks for somebody else");
  if (!vote.term) return Bad("a term is 0");
  return CheckPosition(vote.last_log_index, vote.last_log_term);
}

absl::Status Check(const AppendEntries& append, NodeId) {
  if (!append.term) return Bad("a term is 0");
  if (append.leader_commit.value() > kMaxIndex) return Bad("an index is out of range");
  if (append.prev_log_term > append.term) return Bad("an entry is of a later term than its leader");
  RETURN_IF_ERROR(CheckPosition(append.prev_log_index, append.prev_log_term));
  Term previous = append.prev_log_term;
  for (size_t i = 0; i < append.entries.size(); ++i) {
    const LogEntry& entry = append.entries[i];
    const bool first = append.prev_log_index.value() + i == 0;
    if (entry.payload == nullptr) return Bad("an entry has no payload");
    if (!entry.term || entry.term < previous || entry.term > append.term) {
      return Bad("terms of entries go back or beyond their leader's");
    }
    switch (entry.type) {
      case EntryType::kCommand:
      case EntryType::kBarrier:
        if (first) return Bad("entry 1 is not a configuration");
        break;
      case EntryType::kConfiguration:
        if (!DecodeConfiguration(*entry.payload).ok()) return Bad("a configuration is malformed");
        break;
      default:
        return Bad("an entry is of no known type");
    }
    previous = entry.term;
  }
  return absl::OkStatus();
}

absl::Status Check(const InstallSnapshot& install, NodeId) {
  if (!install.term || !install.last_index) return Bad("a snapshot has no term or index");
  return CheckPosition(install.last_index, install.last_term);
}

absl::Status Check(const TimeoutNow& timeout, NodeId) {
  if (!timeout.term) return Bad("a term is 0");
  return CheckPosition(timeout.last_log_index, timeout.last_log_term);
}

template <class Other>  // the answers and probes: any number in them is harmless but a term 0
absl::Status Check(const Other& other, NodeId) {
  return other.term ? absl::OkStatus() : Bad("a term is 0");
}

}  // namespace

absl::Status CheckMessage(const PeerMessage& message, NodeId self) {
  if (!message.from || message.from == self) return Bad("the sender is nobody or this node");
  if (message.from_address.empty() || message.from_address.size() > kMaxAddressLength ||
      message.from_address.find('\0') != std::string::npos) {
    return Bad("the sender's address is empty or too long");
  }
  return std::visit([&](const auto& body) { return Check(body, message.from); }, message.body);
}

AppendEntriesResult StaleLeaderAnswer(Term current_term, bool has_space) {
  return {current_term, LogIndex(UINT64_MAX), LogIndex(), has_space};
}

std::vector<AppendEntries> SplitAtConfigurations(AppendEntries message) {
  std::vector<AppendEntries> parts;
  auto next = message.entries.begin();
  LogIndex prev = message.prev_log_index;
  Term prev_term = message.prev_log_term;
  do {
    auto end = next == message.entries.end() ? next : next + 1;
    end = std::find_if(end, message.entries.end(), [](const LogEntry& entry) {
      return entry.type == EntryType::kConfiguration;
    });
    AppendEntries part{message.term, prev, prev_term, message.leader_commit, {}};
    part.entries.assign(std::make_move_iterator(next), std::make_move_iterator(end));
    next = end;
    if (!part.entries.empty()) {
      prev = prev + part.entries.size();
      prev_term = part.entries.back().term;
    }
    parts.push_back(std::move(part));
  } while (next != message.entries.end());
  return parts;
}

void TrimToSnapshot(const LogStart& log, AppendEntries* message) {
  if (!log.snapshot_index || message->prev_log_index >= log.first ||
      message->prev_log_index >= log.snapshot_index) {
    return;
  }
  const uint64_t dropped =
      std::min<uint64_t>(log.snapshot_index - message->prev_log_index, message->entries.size());
  message->entries.erase(message->entries.begin(),
                         message->entries.begin() + static_cast<ptrdiff_t>(dropped));
  message->prev_log_index = log.snapshot_index;
  message->prev_log_term = log.snapshot_term;
}

void AnchorAtZero(LogIndex last_index, AppendEntries* message) {
  if (!message->entries.empty() || message->prev_log_index <= last_index) return;
  message->prev_log_index = LogIndex();
  message->prev_log_term = Term();
  message->leader_commit = LogIndex();
}

}  // namespace registryd::consensus
