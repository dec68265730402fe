// Asks an instance by the probes of client/probes: the real CheckDriver::Ask.
//
//   ProbeAsker asker;
//   CheckDriver driver(parts, self, [&](const DueCheck& check, auto done) { asker.Ask(check, done);
//   }, members);
//
// Threads: any. The destructor ends what is under way within milliseconds.
#pragma once

#include "client/probes/prober.h"
#include "registryd/checks/check_driver.h"

namespace registryd::checks {

class ProbeAsker {
 public:
  void Ask(const DueCheck& check, CheckDriver::Done done);

 private:
  registry::probes::Prober prober_;
};

}  // namespace registryd::checks
