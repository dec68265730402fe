#include "client/local/fast_random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace registry {
namespace {

TEST(FastRandomTest, AForkedChildDoesNotDrawWhatItsParentDraws) {
  FastRandom();
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const uint64_t drawn = FastRandom();
    _exit(write(pipe_ends[1], &drawn, sizeof(drawn)) == sizeof(drawn) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  uint64_t of_child = 0;
  ASSERT_EQ(read(pipe_ends[0], &of_child, sizeof(of_child)), ssize_t{sizeof(of_child)});
  EXPECT_NE(of_child, FastRandom());
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace
}  // namespace registry
