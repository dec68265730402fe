// Every limit of the registry's data, in one place. Each has a test at its edge. Sizes are bytes of
// UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace registryd::core::limits {

inline constexpr size_t kNameSize =
    63;  // namespace, service, endpoint name, label key, zone, region
inline constexpr size_t kLabelPrefixSize =
    253;  // of a label key: "example.com" in "example.com/team"
inline constexpr size_t kInstanceIdSize = 128;
inline constexpr size_t kHostSize = 253;
inline constexpr size_t kProtocolSize = 32;
inline constexpr size_t kVersionSize = 128;
inline constexpr size_t kLabelValueSize = 256;
inline constexpr size_t kMessageSize = 256;  // of a health report; a reason
inline constexpr size_t kOwnerSize = 128;    // of a lease
inline constexpr size_t kActorSize = 256;
inline constexpr size_t kEndpoints = 16;
inline constexpr size_t kLabels = 64;
inline constexpr uint32_t kWeight = 65'535;
inline constexpr size_t kInstancesPerCall = 1'000;

inline constexpr size_t kSelectorSize = 1'024;
inline constexpr size_t kSelectorRequirements = 32;
inline constexpr size_t kSelectorValues = 64;  // of one requirement, as they are written
inline constexpr size_t kVersionRangeSize = 256;
inline constexpr size_t kVersionRangeComparators = 16;  // as they are written
inline constexpr size_t kVersionDigits = 18;            // of one number of a version

inline constexpr int64_t kTtlMinMs = 2'000;
inline constexpr int64_t kTtlMaxMs = 3'600'000;
inline constexpr int64_t kTtlDefaultMs = 6'000;

inline constexpr size_t kReasonSize = 256;                    // of an override
inline constexpr int64_t kMaintenanceMaxMs = 31'536'000'000;  // a year
inline constexpr size_t kOverridesPerService = 1'000;         // of single instances
inline constexpr size_t kOperatedServices = 65'536;           // services with settings or overrides
inline constexpr size_t kReleasedPerCommand = 1'000;  // leases that the guard lets go at once

inline constexpr size_t kCheckPathSize = 1'024;
inline constexpr int64_t kCheckIntervalMinMs = 1'000;
inline constexpr int64_t kCheckIntervalMaxMs = 3'600'000;
inline constexpr int64_t kCheckIntervalDefaultMs = 10'000;
inline constexpr int64_t kCheckTimeoutMinMs = 100;
inline constexpr int64_t kCheckTimeoutMaxMs = 60'000;
inline constexpr int64_t kCheckTimeoutDefaultMs = 2'000;
inline constexpr uint32_t kCheckThresholdMax = 100;
inline constexpr uint32_t kCheckPassesDefault = 1;
inline constexpr uint32_t kCheckFailuresDefault = 3;
inline constexpr size_t kCheckResultsPerCommand = 1'000;
inline constexpr size_t kCheckers = 64;

// Request ids that are remembered, so that a delayed retry is not applied twice.
inline constexpr uint64_t kRequestWindow = 65'536;

}  // namespace registryd::core::limits
