// Readable transcripts of the state machine: commands, and below each what it answered, changed and
// left behind.
//
//   # a comment
//   > register web/i-1 web/i-2 lease=7 ttl=6000 owner=a time=1000 request=1:1
//   ok revision=1 incarnations=1,1 lease=7 epoch=1 ttl=6000 owner=a
//   + default/web/i-1 incarnation=1 changed=1 lease=7 PASSING registered since=1000 (register)
//   ...
//   = revision=1 time=1000 instances=2 leases=7
//
// Commands (names are service/id or namespace/service/id; `@n` is an incarnation or an epoch):
//   register NAME... [lease=ID [ttl=MS] [owner=TEXT]] [port=N] [weight=N] [zone=TEXT]
//            [version=TEXT] [label=K:V] [check=PATH]
//   deregister NAME[@N]... [reason=TEXT] [exit=TEXT] [force=1]   exit: the process was seen to end
//   update NAME[@N] [expected=N] [port=N] [weight=N] [zone=TEXT] [version=TEXT] [label=K:V]
//          label= alone clears
//   health NAME[@N] passing|critical|draining [message=TEXT] [force=1]
//   grant ID ttl=MS [owner=TEXT]
//   revoke ID[@EPOCH]
//   expire ID@EPOCH... [proposed=TERM] [guard=1/3|all] [hold=MS]
//          proposed: the term of the leader that proposed it, default 1; no guard: all leave
//   remove NAME@N...
//   revive ID@EPOCH...
//   release [SERVICE]
//   tend guard=1/3|all [hold=MS]
//   maintain NAME|SERVICE [owner=TEXT] [reason=TEXT] [for=MS] [force=1]
//   unmaintain NAME|SERVICE
//   service SERVICE min=N
//   checkers NODE...
//   passed|failed NAME@N... epoch=N [node=N] [message=TEXT]
// and with each: time=MS (else the state's time), term=TERM of the entry (default 1),
// request=CLIENT:SEQUENCE. In a TEXT, '_' stands for a blank.
//
// In brackets: the cause of a change and, behind a colon, its evidence.
//
// Answers: "ok ..." or "refused CODE: message", "again ..." for a repeated request; "+" an instance
// that appeared, "~" one that changed, "-" one that left; "lease ..."; "!" an event; "slot N" of
// the request window; "=" the state.
#pragma once

#include <string>

#include "registryd/core/registry.h"

namespace registryd::testing {

// Runs all commands of a transcript on a new registry and returns the transcript with the answers
// that they gave. Comments, blank lines and commands are kept as they are. A line that cannot be
// read appears as "cannot read: ...".
std::string RunTranscript(const std::string& transcript);

}  // namespace registryd::testing
