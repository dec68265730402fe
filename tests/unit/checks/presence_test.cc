#include "registryd/checks/presence.h"

#include <gtest/gtest.h>

#include <vector>

#include "registryd/base/clock.h"
#include "tests/support/fake_peer_calls.h"

namespace registryd::checks {
namespace {

using testing::FakePeerCalls;

const std::vector<NodeId> kAll = {NodeId(1), NodeId(2), NodeId(3)};

class PresenceTest : public ::testing::Test {
 protected:
  // Every member that is asked answers: nothing, or that it doubts itself.
  void AskAll(const std::vector<std::string>& answers) {
    presence_.Ask(kAll);
    for (const std::string& answer : answers)
      std::move(calls_.Take(Presence::kMethod).done)(answer);
  }

  FakeClock clock_;
  FakePeerCalls calls_;
  bool doubts_ = false;
  Presence presence_{&calls_, NodeId(1), &clock_, [this] { return doubts_; }};
};

TEST_F(PresenceTest, ThoseWhoAnsweredLatelyArePresent) {
  presence_.Ask(kAll);
  EXPECT_EQ(presence_.Present(), std::vector<NodeId>{NodeId(1)});
  std::move(calls_.Take(Presence::kMethod).done)(std::string());
  std::move(calls_.Take(Presence::kMethod).done)(absl::UnavailableError("no connection"));
  EXPECT_EQ(presence_.Present(), (std::vector<NodeId>{NodeId(1), NodeId(2)}));
  clock_.Advance(Presence::kGoneMs);
  EXPECT_EQ(presence_.Present(), std::vector<NodeId>{NodeId(1)});
}

TEST_F(PresenceTest, WhoDoubtsItselfStandsAsideWhileThereIsAnother) {
  Presence::Answer(calls_, [this] { return doubts_; });
  EXPECT_EQ(*calls_.Ask(Presence::kMethod, ""), "");
  doubts_ = true;
  const std::string doubtful = *calls_.Ask(Presence::kMethod, "");
  AskAll({"", doubtful});
  EXPECT_EQ(presence_.Present(), std::vector<NodeId>{NodeId(2)});
  AskAll({doubtful, doubtful});
  EXPECT_EQ(presence_.Present(), kAll) << "where everybody doubts, nobody sees better";
  doubts_ = false;
  EXPECT_EQ(presence_.Present(), std::vector<NodeId>{NodeId(1)});
}

}  // namespace
}  // namespace registryd::checks
