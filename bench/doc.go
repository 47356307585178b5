// SPDX-License-Identifier: Apache-2.0

// Command bench measures Regent beside keepalived: both run by turns on the same machine in the same run, in network namespaces
// that the command makes and removes, and are judged by captures and by a client that never rests. What it writes are ratios first,
// since the figures of one machine say little about another:
//
//	make bench                                   # everything, hours
//	make bench PARTS=failover,jitter ROUNDS=5    # some of it
//	go run ./bench -parts scale -keepalived /opt/keepalived/sbin/keepalived
//
// # Parts
//
//	failover   what a client that connects each millisecond sees when the owner is lost: cut off, SIGTERM, kill -9 of the working
//	           process, kill -9 of all, SIGSTOP; at 1 s, 100 ms and 10 ms
//	answer     how long a new, a sending and an idle connection wait for an answer after the owner was cut off
//	scale      1, 255, 1,000 and 4,000 virtual routers in one process: processor time, memory, start, takeover of all, reload
//	jitter     how regular adverts are, and how often a healthy owner is replaced, on an idle and on a hogged machine
//	addresses  a thousand addresses in one virtual router: when each is usable and announced
//	refusal    how many connection attempts a second are refused, beside a closed port of the bare kernel
//
// # Files
//
// Results go to docs/bench: result.json has every sample, README.md the tables, and one SVG for each table that is worth looking
// at. A run replaces the parts that it measured and keeps the others.
//
// A round in which the machine itself stood still (a thread on some processor slept 20 ms too long) is measured again, a limited
// number of times; how many were is in the result.
package main
