// SPDX-License-Identifier: Apache-2.0

// Package transport carries the adverts of a [vrrp.Router] on Linux: sockets, clock, and the one thread on which everything
// happens at the instant it is due.
//
//	transport.Tune()
//	loop, err := transport.New(transport.Options{Logger: log})
//	go loop.Run(ctx)
//	loop.Do(func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
//		err = r.Add(1, config)                     // the router is only touched here
//		return out
//	})
//	err = loop.Attach(transport.Binding{ID: 1, Interface: "eth0", Index: 2, Family: vrrp.IPv4, Source: source})
//	for {
//		events, err := loop.Events(ctx)            // Enter, Announce, Inherited, Discarded
//		…
//	}
//
// # A round
//
// The loop sleeps in its own epoll until a packet, a deadline (a timerfd on CLOCK_BOOTTIME, absolute) or a command arrives, and at most
// 100 ms. Then, in this order:
//
//  1. Packets are received, 64 at a time (recvmmsg), and handed to the router.
//  2. If a deadline has come, the sockets are emptied first, until none had anything at the instant that is then given to
//     [vrrp.Router.Expire]. A loop that was kept from running, by SIGSTOP or a paused machine, has heard everything that was said
//     meanwhile before it judges that there was silence.
//  3. Commands of other goroutines are run.
//  4. The adverts that all this asks for leave, 64 at a time (sendmmsg): when a thousand virtual routers become Active at once, the
//     thousand first adverts leave before anybody hears of the first transition.
//  5. The other actions are published, for [Loop.Events], and the commands return.
//
// Nothing in a round waits for work of another thread: queues to and from the loop are free of locks that could be held for
// long, the loop never logs, allocates nothing for a packet, and makes no call that may wait for the kernel's rtnl lock. Opening sockets and joining groups may, so [Loop.Attach] does
// these in the goroutine that calls it, and hands over what is open; closing them is done by the caller of [Loop.Detach].
//
// # Sockets
//
// Each interface and family that virtual routers are attached to has a port, two raw sockets for protocol 112, whatever the
// number of virtual routers: up to 255 there, several thousand in a process. The one that hears is bound to the interface by index and
// hears the group and unicast peers; a filter takes out what cannot concern VRRP, and lets through what has to be
// counted as bad. The one that speaks sends with TTL or hop limit 255, class CS6, no loop; it is separate because it asks to be
// told of full queues (IP_RECVERR), see the port type. The source is given with each advert (IP_PKTINFO, IPV6_PKTINFO), so services
// with different sources share the port.
//
// # When something fails
//
// An advert that finds a queue full is tried again after 1 ms, then at growing intervals up to 100 ms, and so is one whose
// source or link is not there (yet, or any more): an IPv6 link-local address that is still tentative counts as missing. What is tried again
// is only the last advert, and never that of a router which is not Active any more. Other errors wait for the next advert.
// [Loop.Faults] tells of both. None of them ends the loop. When an interface was re-created, attach its virtual routers again with
// the new index; when it is gone, detach them.
//
// # The Go runtime
//
// Two properties of it reach a thread of whatever priority, and [Tune] deals with both as far as possible:
//
//   - A goroutine that comes back from a system call in which it slept needs a free P. If all are taken by goroutines that
//     compute, it waits until one is preempted: up to 10 ms, or longer if the thread that holds it does not get a processor. So there
//     should be more Ps (GOMAXPROCS) than goroutines that compute at a time; Tune sets two more than there are processors. On a loaded
//     machine this is not enough: a P may be in the hands of a thread that waits behind other programs. Then every thread must be
//     real-time, which is what [RunRealtime] around the start of the process gives. A single real-time thread in an ordinary
//     process would wait for the ordinary ones.
//   - The collector stops the world twice in each cycle, for tens of microseconds as a rule; the thread cannot return from epoll
//     meanwhile. Few cycles and a small live heap keep that rare and short: the loop allocates nothing per packet, and Tune lets the heap
//     grow to three times what is live.
//
// # Real-time
//
// A supervisor starts the worker inside [RunRealtime]; every thread of the worker then has SCHED_RR, inherited through exec. The worker calls
// [LockMemory] and, as a way out of an endless loop, [LimitRealtime]; it starts scripts inside [RunOrdinary]. Real-time needs
// CAP_SYS_NICE (or RLIMIT_RTPRIO), and in kernels with real-time group scheduling a budget for the control group.
//
// # Clock
//
// The clock is CLOCK_BOOTTIME, so a suspended machine notices that it slept. A virtual machine whose clock was stopped with it
// cannot: it goes on as if nothing had been, until it hears the first advert of its successor.
package transport
