// SPDX-License-Identifier: Apache-2.0

// Package control starts and stops a service on this node: a systemd unit, or commands of the operator's.
//
// Both are bounded in time and may be called again: starting what runs and stopping what does not is success (for commands
// that is the operator's part of the bargain). A command runs in a process group of its own, which is ended at the timeout,
// first with SIGTERM, then with SIGKILL; it sees a small fixed environment, REGENT_SERVICE and REGENT_ACTION. The last line
// that it printed is part of the error. A command that leaves a process behind (a daemon) is not waited for beyond its own
// end.
//
// A unit is started with the mode "replace", the job is followed to its end, then the unit must be active (stopped:
// inactive). Starting twice the same is systemd's matter and harmless.
package control
