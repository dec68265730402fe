// The loop of a client as its other threads see it: tasks run on it one after another, in order.
#pragma once

#include <functional>

namespace registry {

class TaskLoop {
 public:
  virtual ~TaskLoop() = default;

  // Any thread. Does not wait.
  virtual void Post(std::function<void()> task) = 0;

  // Any thread but the loop's. Returns when the task has run.
  virtual void RunAndWait(std::function<void()> task) = 0;
};

}  // namespace registry
