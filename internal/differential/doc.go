// SPDX-License-Identifier: Apache-2.0

// Package differential runs two programs on the same keepalived.conf and prints what differs.
//
// A [Case] is a keepalived.conf for one or two nodes of a laboratory network and a list of steps: start, kill, a script
// that begins to fail, a cable that is pulled, another file. [Play] runs it with a [Program] (Debian's keepalived, or
// Regent under keepalived's name), each in a /run, /tmp and /var/lib of its own, and takes an [Observation] of each node
// after each step, as anybody but the program sees it: the kernel's addresses, routes and rules, what the notify
// programs were called with, the lines of the FIFO, the adverts on the wire as tshark decodes them; and what the program
// says: its log and its JSON. [Compare] turns two records into differences, each with a [Kind].
//
// What may differ stands in [Allowed] with a reason, reviewed. Who owns an address, addresses, calls of notify programs
// and FIFO lines may never differ. An entry that nothing needed any more is an error of the test.
//
// # Adding a case
//
//	{
//		Name:  "weight",
//		Nodes: []Node{{Conf: `vrrp_script chk { script "/run/bin/check chk" … } …`, Programs: []string{"any"}}},
//		Steps: []Step{
//			{"start", Start("a"), Until{"a VI_1 MASTER"}},
//			{"the check fails", Script("a", "chk", 1), Until{"a says Changing effective priority from 150 to 100"}},
//			{"stop", Stop("a"), nil},
//		},
//	}
//
// Nodes are called a and b; they have eth0 (10.99.0.1/24 and fd99::1/64, b with .2) unless Interfaces says otherwise.
// Programs are recorders in /run/bin, each call of which is observed; /run/bin/check NAME ends with the code that
// [Script] gave; FIFOs are read if FIFOs names them. A step is over when all of Until came true and then nothing that is
// observed changed for the case's Quiet time, which must be longer than an advert interval: no step sleeps. What does
// not come true within the limit is recorded as "not reached", and so is a difference if the other program got there.
//
// Both programs play in separate networks at the same time. Calls of one program are compared in their order for each
// instance; calls of several programs are not ordered, since keepalived itself starts them side by side.
//
// # Running
//
//	go test ./internal/differential -run 'Same/cases/failover'                          Regent
//	go test ./internal/differential -run Same -args -subject=keepalived                 the harness itself: no differences
//	go test ./internal/differential -run Same -args -report=/tmp/differences.txt        all in one file
//	go test ./internal/differential -run Same -artifacts -outputdir DIR                 logs and captures of what failed
//
// REGENT_BINARY names a program that is built already. Where two runs of keepalived differ, a case says so in Chance.
package differential
