// SPDX-License-Identifier: Apache-2.0

package differential

import "time"

// Case is what both programs are put through.
type Case struct {
	Name string
	// Nodes are called "a" and "b", in this order.
	Nodes []Node
	// Quiet is for how long nothing may change before a step is over; 0 is 400 ms, which fits adverts each 100 ms.
	Quiet time.Duration
	// Limit of a step's Until; 0 is 12 s.
	Limit time.Duration
	// Holds: calls of notify programs also tell which virtual addresses the node held.
	Holds bool
	// Chance is a regular expression of lines of the log, the JSON and the wire that are not compared, since two runs of
	// keepalived differ in them.
	Chance string
	// Repeats: the same call or FIFO line may come again and again; it is told once.
	Repeats bool
	// Kernel: sysctls of interfaces are compared as well.
	Kernel bool
	// Counted: announcements of addresses are counted, not only seen.
	Counted bool
	// Ordered: FIFO lines are compared in the order of the file, not of each instance.
	Ordered bool
	Steps   []Step
}

// Node is a host of a case.
type Node struct {
	// Conf is the keepalived.conf.
	Conf string
	// Interfaces besides lo; none is eth0 with 10.99.0.N/24 and fd99::N/64.
	Interfaces []Interface
	// Programs are recorders in /run/bin that the configuration calls.
	Programs []string
	// Checks are the exit codes of "/run/bin/check NAME" at the start; one that is not named ends with 0.
	Checks map[string]int
	// Files with their content, by path below /run.
	Files map[string]string
	// FIFOs are made and read, by path below /run.
	FIFOs []string
	// ScriptUser: there is a user called keepalived_script.
	ScriptUser bool
	// Setup are shell commands in the node before the start.
	Setup []string
	// Args of the program besides the usual.
	Args []string
}

// Interface of a node.
type Interface struct {
	Name string
	// Network that it is on; "" is the one that is recorded.
	Network  string
	Prefixes []string
}

// Step is something that happens to the nodes, and how its end is known.
type Step struct {
	Name  string
	Do    Action
	Until Until
}

// Until are conditions that end a step, each a few words:
//
//	a VI_1 MASTER       the last state that a's log tells of instance or group VI_1
//	a says TEXT         a line of a's log since the step began contains the text
//	a holds 10.0.0.1    an interface of a has the address
//	a lacks 10.0.0.1    none has
//	a called NAME N     the recorder /run/bin/NAME was called N times since the step began
//	a settled           every instance in a's log is MASTER or FAULT
//	a ended             the program has ended
type Until []string

func (c *Case) quiet() time.Duration {
	if c.Quiet == 0 {
		return 400 * time.Millisecond
	}
	return c.Quiet
}

func (c *Case) limit() time.Duration {
	if c.Limit == 0 {
		return 12 * time.Second
	}
	return c.Limit
}
