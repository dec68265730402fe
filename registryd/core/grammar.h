// What names, versions, hosts and texts look like: one predicate for each grammar, without limits
// of length unless the grammar itself has one. validate.h turns them into messages with a field's
// path.
//
// Threads: any. Cost: one pass over the text.
#pragma once

#include <string>
#include <string_view>

namespace registryd::core {

// One or more of a-z A-Z 0-9 and the characters of `also`, first and last a letter or digit.
bool IsName(std::string_view text, std::string_view also);

// SemVer 2.0.0, section 9 to 11: MAJOR.MINOR.PATCH[-prerelease][+build]. No "v" in front.
bool IsSemVer(std::string_view text);

// An IPv4 address, an IPv6 address without brackets or zone, or an RFC 1123 host name: labels of 1
// to 63 letters, digits and '-', joined by '.', none of which begins or ends with '-'. A name whose
// last label is a number is no host name, because it is a mistyped IPv4 address ("10.0.0.256").
bool IsHost(std::string_view text);

// A DNS subdomain as Kubernetes has it: RFC 1123 labels in lower case.
bool IsLowerDnsName(std::string_view text);

// Valid UTF-8 (no surrogates, no overlong forms) without control characters (U+0000 to U+001F,
// U+007F to U+009F).
bool IsPrintable(std::string_view text);

// For a message: the text in quotes, cut to 64 bytes; what is not printable is written as \xNN.
std::string Quoted(std::string_view text);

}  // namespace registryd::core
