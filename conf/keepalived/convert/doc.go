// SPDX-License-Identifier: Apache-2.0

// Package convert turns a keepalived.conf into the regent.toml that behaves the same.
//
//	c, problems := keepalived.Parse(path, …)
//	result, more := convert.Convert(c, convert.Options{})
//	cfg, diags := conf.Parse("keepalived.conf", result.TOML) // result.Place(line) is where a line comes from
//
// Each vrrp_instance becomes a [[service]] with a priority, what it tracks becomes its [[service.check]], and each
// vrrp_sync_group a [[sync_group]]. The text holds only what differs from Regent's own defaults; where those differ from
// keepalived's, it holds keepalived's. Comments that stand directly above a block come along.
//
// What the file says about the process rather than about services (pid files, dumps, reloads, the name of the process)
// has no key in a regent.toml: it is [Result.Process], for who runs under keepalived's name.
//
// Nothing is dropped in silence. What a file sets is in the text, in Process, or among the problems with its place, unless
// the table of keywords says that Regent has no use for it, and why ([keepalived.Keywords]; docs/keepalived-keywords.md is
// made of it). A problem is an error where going on would change who has an address, and a warning where somebody may
// miss something.
package convert
