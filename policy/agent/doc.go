// SPDX-License-Identifier: Apache-2.0

// Package agent is what one node does about its services over time, as policy wants it. It is pure like package policy:
// instants and facts come in as arguments, wishes go out as actions.
//
// A caller tells the agent what happens (a virtual router changed its state, a check failed, a record of another node was
// heard, a start ended) and then calls [Agent.Step], which appends everything that now has to be done. Nothing is done
// twice: the agent compares what it wants with what it asked for. [Agent.Deadline] says when to call Step without a fact.
//
//	a := agent.New(options)
//	a.State(now, "orders", agent.Active, true)
//	for _, act := range a.Step(now, nil) { … }
//
// # Performing a service
//
// A node performs a service through phases:
//
//	idle → waiting (another node still performs it) → leasing (the arbiter is asked) → starting → proving (its check has
//	not passed yet) → serving → stopping → idle
//
// A service without control is not started: it goes from idle (or leasing) to serving at once, so that a node which is
// ready answers with the service from the first packet. Only in the phase serving is the refusal lifted. A start that
// fails, hangs, or is never proved is stopped and counted; the count makes another node the better candidate, and the
// address is handed to it.
//
// A node that became Active because adverts stayed away does not wait for the silent node. It does wait for one that was
// heard over the cluster channel since then and says that it still performs the service.
//
// # Instructions
//
// With serve_at = "own" the node that inherits the address only refuses. It instructs the best candidate, which performs
// the service at its own address. An instruction is a lease: repeated every [Timing.Renew], void [Timing.Lease] after the
// last one. A candidate that declines is passed over at once, one that is silent when its lease has certainly run out.
// Who inherits from the inheritor finds the performing node in its record and goes on with it. An owner that returns
// withdraws the instruction, and serves when the other says that it has stopped, or is heard no more.
//
// # Forbids by forecast
//
// Whoever is Active for a service asks [policy.Forecast] whether its service would find a place if the node that
// performs it failed. An answer that lasts [Timing.ForbidAfter] is written as a mark into the node's record, and from
// there every node takes the newest; the lifting of a mark takes [Timing.ReleaseAfter]. Marks outlive their writer, and
// whoever is Active after it clears them once their cause is gone.
//
// # Terms
//
// The owner's standbys and takeover setting reach the other nodes as [policy.Terms]: the owner publishes those of its
// file, an operator's command makes newer ones. A node repeats the newest that it knows in its own record once they are
// on its disk, which is the acknowledgement that the command waits for.
package agent
