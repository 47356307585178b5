// SPDX-License-Identifier: Apache-2.0

// Package arbiter grants a node the right to serve. VRRP alone cannot keep two sides of a split from serving at once; an
// engine that can (etcd) is asked before serving, and never before refusing.
//
// [None] grants everything for ever: the election decides alone. [NewEtcd] holds one lease a service: the key
// regent/<cluster>/<service> has the node's name, under an etcd lease of TTL. Whoever creates the key has it; it is renewed
// each third of TTL, and vanishes with the lease when it is not.
//
// Every grant says until when the service may be served. That instant lies before the one at which etcd could give the
// service to another node: it is reckoned from before the request left, on this node's own monotonic clock, and shortened
// by [Margin] for clocks that do not run alike and for the time that ending takes (see validity). The kernel ends serving
// there by itself, whatever became of the daemon.
package arbiter
