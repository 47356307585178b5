// SPDX-License-Identifier: Apache-2.0

// Package dump writes what keepalived writes when it is asked for its state by a signal: keepalived.data (USR1),
// keepalived.stats (USR2) and keepalived.json (36).
//
//	err := dump.Write("/tmp/keepalived.json", func(w io.Writer) error { return dump.JSON(w, snapshot, 1) })
//
// A [Snapshot] is plain data; the renderers [Data], [Stats] and [JSON] are pure functions of it. People's exporters and scripts
// read these files, so names, order and types are keepalived's to the letter. What concerns keepalived's own inner life alone
// (its sysctl counters, debounce timers, the load balancer) is not in them. Passwords are written as asterisks, as keepalived 2.4
// writes them.
package dump
