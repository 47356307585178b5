// SPDX-License-Identifier: Apache-2.0

// Package probe is the client's eye.
//
// [Run] connects to a list of addresses in their order, as a client built on package
// requestor does, and reports which answered how and how fast. It is what "regent
// probe" prints, as text or as the JSON document [Report]. Where the address names
// a protocol (HTTP, PostgreSQL, DNS), it is asked in its words, and whoever says
// in them that the service is not to be had has not answered.
//
// [Watch] looks at one address continuously: a fresh connection each
// millisecond, none waiting for those before it, each with its outcome and
// both its times. [Trace.Silence] then says how long, at worst, nobody answered, which is the
// figure that the whole project is about.
package probe
