// SPDX-License-Identifier: Apache-2.0

// Package notify tells programs of changes of state: scripts, and readers of a FIFO.
//
//	n := notify.New(notify.Options{Logger: log})
//	n.Run("orders", notify.Command{Args: []string{"/etc/regent/orders-active"}})
//	n.Close(time.Second)
//
// # Order
//
// Each target has a queue: its programs run one after the other, in the order in which they were asked for, so that the last
// one to run is the one for the latest state. A program that takes longer than [Options.Patience] is left running, and the
// next one starts: a script that hangs must not hide a state. Targets do not wait for each other, and nobody waits for a
// program.
//
// # What a program gets
//
// Exactly the arguments that were configured; for a generic one four more ([Change.Arguments]). The daemon's environment, without
// what changes how programs are loaded. The root directory, a process group of its own, and nothing on
// standard input. What it prints goes to the log, line by line, in case it fails. It gets SIGTERM when the daemon dies.
//
// # FIFO
//
// [FIFO] writes a line for each change ([Change.Line]), in order. It never blocks: when nobody reads and the pipe is full, lines
// are lost, and counted.
//
// # Who may be run
//
// [Inspect] judges a program before it is run as root: whoever may change the file, a directory above it, or a link on the
// way, runs what he likes as root.
package notify
