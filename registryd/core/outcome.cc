#include "registryd/core/outcome.h"

namespace registryd::core {

std::string_view ToString(Cause cause) {
  switch (cause) {
    case Cause::kRegister:
      return "register";
    case Cause::kDeregister:
      return "deregister";
    case Cause::kUpdate:
      return "update";
    case Cause::kReport:
      return "report";
    case Cause::kLeaseRevoked:
      return "lease revoked";
    case Cause::kLeaseExpired:
      return "lease expired";
    case Cause::kRemoveAfter:
      return "critical for long";
    case Cause::kProcessExit:
      return "process exit";
    case Cause::kGuardHeld:
      return "guard held";
    case Cause::kGuardReleased:
      return "guard released";
    case Cause::kGuardHoldEnded:
      return "guard hold ended";
    case Cause::kRenewed:
      return "renewed";
    case Cause::kCheckPassed:
      return "check passed";
    case Cause::kCheckFailed:
      return "check failed";
    case Cause::kMaintenanceOn:
      return "maintenance on";
    case Cause::kMaintenanceOff:
      return "maintenance off";
    case Cause::kMaintenanceEnded:
      return "maintenance ended";
  }
  return "unknown";
}

std::string_view ToString(EventKind kind) {
  switch (kind) {
    case EventKind::kGuardEntered:
      return "guard entered";
    case EventKind::kGuardLeft:
      return "guard left";
    case EventKind::kMaintenanceOn:
      return "maintenance on";
    case EventKind::kMaintenanceOff:
      return "maintenance off";
    case EventKind::kSettings:
      return "settings";
  }
  return "unknown";
}

}  // namespace registryd::core
