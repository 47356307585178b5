// SPDX-License-Identifier: Apache-2.0

// Package chaos lets random faults happen to three daemons and looks at nothing but the wire.
//
// [Schedule] makes a list of [Round] from a seed: kills, stops, cuts, one-way cuts, loss, duplicates, flapping links,
// reloads, a full disk, flushed rules, addresses that somebody removes. A round is one fault that begins, lasts and ends, and a time
// of calm after it. The player (on Linux, in network namespaces) makes it happen while a client connects to the service's address
// every two milliseconds, and records all frames.
//
// [Judge] decides by the frames of a round alone whether the promise was kept:
//
//   - no silence: the longest that an attempt to connect waits for an answer (from any node) is the time that the protocol needs for
//     that fault, and some milliseconds;
//   - one owner: two nodes advertise side by side only while they cannot hear each other, and for the time that the protocol needs
//     to notice;
//   - rest: after the fault one node advertises, and answers, and nobody else.
//
// Reordered frames and clocks that step are left to the simulator (package vrrpsim): the wall clock is the same in all namespaces.
//
// A long run: make chaos TIME=30m. A failure names the seed, and keeps the capture of its round.
package chaos
