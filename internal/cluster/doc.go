// SPDX-License-Identifier: Apache-2.0

// Package cluster is the channel over which nodes tell each other about themselves. It decides nothing: addresses fail
// over by VRRP, with or without it. A lone node, and a network that carries none of this, are normal states; nothing here
// makes its caller wait.
//
// Membership is that of github.com/hashicorp/memberlist (SWIM). On top of it go two things. A record is what a node tells of
// itself: [Cluster.Publish] sends it to every member at once, and each second the node confirms it as a sign of life ([Heard]).
// What fits a datagram is simply sent again; a longer record goes over TCP when it changes, and then a datagram names its
// edition, so that a node that lacks it asks for it. A message ([Cluster.Send]) is for one node, and may be lost.
//
//	n1                                                     n2
//	joins (memberlist) ───────────────────────────────────▶ learns of n1
//	beat: n1 in life 7, to n2 in a life unknown ──────────▶ learns life 7 of n1, believes nothing yet
//	believes n2: nobody else could name life 7  ◀────────── beat: n2 in life 3, to n1 in life 7
//	record, to n2 in life 3 ──────────────────────────────▶ believes n1: Presence, Heard
//
// # Wire
//
// One UDP and one TCP port, on the address that the file gives this node; calls leave from that address too. Everything,
// memberlist's traffic as well, is sealed with AES-GCM under keys derived from the cluster's (seal.go, stream.go): the first
// key sends, all receive, and [Cluster.SetKeys] changes them between one datagram and the next. memberlist's own key ring is
// not used: a key cannot be taken from it while it is read, and what it refuses it tells in log lines only. Here all that is refused
// is counted by kind with its last source ([Cluster.Stats]), and logged once a minute and kind.
//
// # Who is believed
//
// Only nodes that the file names take part, each from the address that the file gives it; envelopes, calls and what
// memberlist hears of others are all held against it. A record is taken only from the node that it is about, and only if it
// is newer by (incarnation, edition).
//
// What was captured and is sent again changes nothing:
//   - Datagrams are numbered in each run of a sender, and the receiver's address is part of what is authenticated: one that
//     arrives twice, or at another node, is refused. A call opens only under the salt that the called node has just drawn.
//   - Envelopes carry the incarnation and a sequence number of their sender, and the incarnation of the receiver that they are
//     for. An earlier incarnation of the sender is refused; a window of 64 takes each number once.
//   - A receiver that restarts has forgotten the numbers, but it has a higher incarnation, and what was captured before
//     cannot name that. So neither a record nor a message, a goodbye or a sign of life from before its start is believed. That
//     is why [Options].Incarnation must grow with every [Open].
//   - memberlist's own messages are protected by the first of these rules alone: after a restart of the receiver, old ones could
//     make memberlist take a node for alive or dead for some seconds. Nothing comes of it. A node is present when it has proven
//     to be alive in the way above, and gone when it said goodbye, or memberlist gave it up and it has not been heard for
//     1.5 s besides.
//
// A node that comes back with a lower incarnation than the others know is not heard until it is given a higher one; they count
// it as replayed.
//
// Nodes that meet also pass on, as they received them, the records that they hold of others, so that one that has just
// started learns of those that it does not hear ([Passed]). That is hearsay: it is no sign of life, and of a node that is
// present only its own word counts. Whoever holds the cluster's key is trusted not to invent such records: the key is one for
// all. A record on its way between two nodes cannot be changed without it. What is passed on may have been overtaken, also by
// what the receiver knew before it restarted; its reader is to go by the epochs inside.
//
// # Times
//
// A node that dies is reported after some 2 s (3 s with many nodes), one that leaves at once. Nodes that are missing are
// looked for every 1 to 3 s, for ever, and without a word above debug level.
package cluster
