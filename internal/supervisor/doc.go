// SPDX-License-Identifier: Apache-2.0

// Package supervisor is the small parent process of `regent run` and the worker's line to it.
//
// The parent starts the worker with a socket pair as file descriptor 3 and reads what the worker tells: its last will,
// a heartbeat that follows the protocol loop, and at the end a farewell.
//
//	supervisor                                   worker
//	  start, descriptor 3 ───────────────────────▶ adverts are read
//	  ready (systemd is told)     ◀─────────────── ready
//	  remembers                   ◀─────────────── put 7: eth0, ready priority-0 advert, 10.0.0.101/24
//	  is content                  ◀─────────────── beat, beat, beat …
//
// If the line closes without a farewell, or the heartbeat stays away for the limit that the worker announced, the
// parent makes sure that the worker is dead (SIGKILL, and waits for it), and carries out the will:
//
//  1. Serving is lifted: from now on the addresses answer with an error.
//  2. The priority-0 adverts leave, so that the heirs wait for their skew time and not for three advert intervals.
//  3. The addresses stay and answer until the heir is heard, then their sockets are destroyed and they are removed.
//  4. Meanwhile the worker is started again. It pre-empts nobody for a minute, and does not touch the addresses of the
//     will. If nobody inherits, it becomes Active after its Active_Down_Interval, and the addresses have answered all
//     the time. An address that neither an heir nor the new worker took is removed in the end.
//
// A worker that crashes again and again is started after growing pauses. If both processes are killed at once, the
// leases of the addresses end (see package takeover). If the parent alone dies, the worker sees the line close and
// gives everything back as on a planned stop.
package supervisor
