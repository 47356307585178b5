// SPDX-License-Identifier: Apache-2.0

// Package cluster is the channel over which nodes tell each other about themselves. It decides nothing: addresses fail
// over by VRRP, with or without it.
//
// Membership is that of github.com/hashicorp/memberlist (SWIM), encrypted with the cluster's keys. On top of it go two
// things. A record is what a node tells of itself: [Cluster.Publish] sends it to every member at once and again each second
// as a sign of life, and nodes that meet exchange theirs. A message ([Cluster.Send]) is for one node, and may be lost.
//
// # Who is believed
//
// Only nodes that the file names take part, each from the address that the file gives it. A record is taken only from the
// node that it is about, while that node is a member, and only if its (incarnation, sequence) is higher than that of the last
// one; nodes do not pass on records of others, so nobody can change or revive one. A message names its sender, its
// receiver, and the incarnation of both; it is taken once. So a datagram that was captured and is sent again changes nothing:
// within the life of the receiver its number was seen, and after a restart the receiver has another incarnation. A record
// of a member, captured and sent again after the receiver has restarted, is taken until that member's next one, a second
// later at most; one of a node that is gone is not, as it is no member.
//
// Everything that is refused is counted ([Cluster.Stats]) and logged once a minute and kind.
package cluster
