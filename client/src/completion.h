// What a completion queue's tag points to. Complete runs on the loop thread, once for each
// started operation.
#pragma once

namespace registry {

class Completion {
 public:
  virtual ~Completion() = default;
  virtual void Complete(bool ok) = 0;
};

}  // namespace registry
