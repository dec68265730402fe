#include "registryd/replica/history_upkeep.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "registryd/base/check.h"
#include "registryd/base/log.h"
#include "registryd/storage/state_store.h"
#include "registryd/wire/command_codec.h"

namespace registryd::replica {
namespace {

// Entries that are taken off the disk in one write, and in one round.
constexpr size_t kDropAtOnce = 1'000;
constexpr size_t kDropMax = 200'000;

}  // namespace

absl::StatusOr<Revision> FloorFor(storage::HistoryReader& reader, const HistoryLimits& limits,
                                  int64_t now_ms) {
  ASSIGN_OR_RETURN(Revision floor, reader.At(now_ms - limits.keep_ms));
  // The first revision behind which no more than the limit is left.
  Revision too_much = floor;
  Revision fits = reader.last();
  ASSIGN_OR_RETURN(const uint64_t bytes, reader.BytesAfter(floor));
  if (bytes <= limits.keep_bytes) return floor;
  while (fits.value() - too_much.value() > 1) {
    const Revision middle(too_much.value() + (fits.value() - too_much.value()) / 2);
    ASSIGN_OR_RETURN(const uint64_t left, reader.BytesAfter(middle));
    (left <= limits.keep_bytes ? fits : too_much) = middle;
  }
  return std::max(floor, fits);
}

HistoryUpkeep::HistoryUpkeep(Parts parts, HistoryLimits limits, int64_t look_every_ms)
    : parts_(parts), limits_(limits), look_every_ms_(look_every_ms), thread_([this] {
        pthread_setname_np(pthread_self(), "history");
        Run();
      }) {}

void HistoryUpkeep::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void HistoryUpkeep::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) wake_.WaitFor(mutex_, look_every_ms_);
      if (stopping_) return;
    }
    Look();
  }
}

absl::Status HistoryUpkeep::ProposeFloor() {
  ASSIGN_OR_RETURN(const auto reader, parts_.replica->ReadHistory());
  ASSIGN_OR_RETURN(const Revision floor, FloorFor(*reader, limits_, parts_.clock->WallMs()));
  if (floor <= reader->floor()) return absl::OkStatus();
  // Whatever becomes of it, the next round looks again.
  parts_.proposer->Propose(wire::EncodeCommand({}, "registryd", core::TrimHistory{floor}),
                           [](absl::StatusOr<consensus::Applied>) {});
  return absl::OkStatus();
}

void HistoryUpkeep::Look() {
  if (parts_.replica->leadership().ready) {
    const absl::Status proposed = ProposeFloor();
    if (!proposed.ok()) log::Warning("the history cannot be trimmed", {{"error", proposed}});
  }
  const std::shared_ptr<storage::StateStore> store = parts_.replica->store();
  for (size_t dropped = 0; dropped < kDropMax;) {
    const absl::StatusOr<size_t> now = store->DropHistory(kDropAtOnce);
    if (!now.ok()) {
      log::Warning("the history cannot be trimmed", {{"error", now.status()}});
      return;
    }
    dropped += *now;
    if (*now < kDropAtOnce) return;
    MutexLock lock(mutex_);
    if (stopping_) return;
  }
}

}  // namespace registryd::replica
