// SPDX-License-Identifier: Apache-2.0

// Package conf reads regent.toml into plain data: resolved, checked, with every default filled in.
//
// [Load] reads a file, [Parse] reads bytes; both return the configuration and every [Diagnostic] at once, sorted by
// place. The configuration is nil when one of them is an error; warnings leave it usable. [Check] is what
// `regent check` does: load, judge, and the exit status that goes with it.
//
//	cfg, diags := conf.Load("/etc/regent/regent.toml")
//	if err := diags.Err(); err != nil { … }
//
// The way of a key: the TOML library judges the syntax and gives values; the scanner in position.go, which is ours
// because the library tells no positions of good keys, says where each key and value stands; decode.go brings both
// together in the raw structs of raw.go, whose tags are the one list of known keys; the resolve files turn raw values
// into the exported types, and complain with line and column where they cannot. Nothing stops at the first error.
//
// Beside the reading there are three pure functions on the result. [TakesPart] says whether this node has a part in a
// service. [LinkLocal] is the link-local address that an IPv6 service gets when the file
// names none. [Diff] compares two configurations for a reload.
//
// [Reference] is reference.toml: every key with its meaning, default and range. Tests hold it against the code.
//
// Secrets are of type [Password], which prints as "…" wherever it is printed; [Password.Reveal] is the only way in.
package conf
