// SPDX-License-Identifier: Apache-2.0

// Package responder answers an inherited address with an error instead of silence or the wrong service.
//
// A client that gets an error at once goes on to its next address; a client that gets nothing waits. So a node that
// holds an address without performing its service refuses: TCP with a reset, UDP with "port unreachable", other
// protocols with "protocol unreachable". The node's own services often listen on the wildcard address and would
// answer for the inherited one as well; refusing comes before them.
//
//	r, err := responder.Open(ctx, responder.Options{Logger: log, Notify: report})
//	err = r.SetRefused([]responder.Target{{Address: a}, {Address: b, Ports: []responder.Port{{responder.TCP, 5432}}}})
//	err = r.Serve([]netip.Addr{a}, 0)      // the service is ready here: lift the refusal
//	err = r.Withdraw([]netip.Addr{a})      // refuse again
//	err = r.Close(true)
//
// # The table
//
// One nftables table of family inet holds static rules; only set elements change, so that a change is small and
// atomic however many addresses it is about. The base chain hangs in prerouting at priority -190: before every
// destination NAT, so a published container port is refused too; right after connection tracking, so a stateful
// firewall knows the answer as related and lets it out; and before the host's INPUT, so that what is dropped there is
// answered all the same. It makes one lookup, "is anything of this destination refused", then asks whether the
// destination is local here: a node that merely forwards to the living owner touches nothing, and refusing begins by
// itself when the address is added to an interface. Then, in the chain of the family:
//
//   - an address in the serve set leaves the chain: its refusal is lifted. The element may carry a timeout; when it
//     is not renewed the kernel refuses again without anybody's help.
//   - a TCP reset leaves the chain. A client on this host resets towards the refused address; eating that would
//     turn its error into a timeout.
//   - TCP and UDP to a spoken port go to the speaker (package speaker), which answers in the words of the protocol. When it
//     is gone, or has more to do than it should, they are refused like all others.
//   - TCP to a whole address or a listed port is rejected with a reset that fits the segment (RFC 9293 §3.10.7.1).
//   - UDP likewise with ICMP port unreachable, the only ICMP error that every connected UDP socket reports.
//   - SCTP, DCCP, UDP-Lite, GRE, ESP and AH to a whole address with protocol unreachable (ICMPv6: port unreachable).
//   - everything else is the kernel's: it answers echo requests and neighbour solicitations, VRRP and IGMP reach who
//     listens to them, and a protocol that nobody handles gets the kernel's own "protocol unreachable".
//
// Packets of this host's own clients pass prerouting on the loopback interface and get the same answers.
//
// Where somebody else translates destinations (published container ports), a chain of type nat before theirs binds spoken
// connections to the address that they are for. It is there only as long as such a foreign chain is.
//
// Two rules that no packet ever meets make the kernel put fragments together first: it does not answer a fragment,
// whose checksum it cannot verify.
//
// # Who may change it
//
// From Linux 6.9 on the table is owned by this process's netlink socket and persists: nobody else can change or flush
// it, and when the process dies, however it dies, the rules stay, so that the address never falls to a wildcard
// listener. The next Open adopts the table: it takes ownership, compares chains, sets and rules with its own, and if
// anything differs makes the table anew within one transaction. Refused addresses stay refused until SetRefused says
// otherwise; served ones are refused until Serve says so again. Older kernels get a table that anybody can change; the
// responder hears of each change and undoes it at once, with an event.
//
// [LiftServing] is for the supervisor of a process that died while it served.
//
// # Without nftables
//
// Where nftables cannot be used but BPF can (Linux 5.9, CAP_BPF and CAP_NET_ADMIN), the mechanism is "sk_lookup": a program
// that the kernel asks for the socket of each new connection and datagram says that there is none, and the kernel answers as for a
// port that nobody listens on. It sees TCP and UDP only, knows no speaker, and comes behind destination NAT and the host's INPUT
// rules; sockets that are connected are found before it is asked. Another program of this kind that names a socket wins.
//
// Program and maps are pinned in the bpf filesystem, in a directory of the network namespace, so they outlive the process and
// are adopted like the table. A lock on the directory says whose they are; it ends with the process. What somebody detaches
// or unpins is put back within the check interval, with an event. Where nothing can be pinned, refusing ends with the
// process, and Detail says so. A change is made of many small ones, each atomic: what is new is refused before
// what is old is not. What a program left goes when another mechanism refuses in its place.
//
// Where that is not to be had either, the mechanism is "kernel": a port that nobody listens on is answered by the kernel in
// exactly the same way. The responder then looks out for listeners that would answer in place of a refused address and
// reports them; it never drops anything. [Responder.Detail] says why it is not a better one.
package responder
