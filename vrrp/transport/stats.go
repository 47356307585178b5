// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"sync/atomic"
	"time"
)

// Stats is what a loop has done since it was made. Counters only grow.
type Stats struct {
	Rounds   uint64 // times the loop went round
	Received uint64 // datagrams handed to the router
	Sent     uint64 // adverts the kernel took, one for each destination

	Malformed     uint64 // datagrams without a usable IP header or control messages; the kernel delivers none
	ReceiveErrors uint64 // failed receive calls
	KernelDrops   uint64 // datagrams lost because a receive buffer was full

	Congested uint64 // sends refused because a queue below was full (ENOBUFS, EAGAIN)
	NotReady  uint64 // sends refused because the link is down or gone, or the source is missing or tentative
	Refused   uint64 // sends refused for another reason: a firewall, no route to a peer
	Unsent    uint64 // adverts of routers that are not attached
	Retried   uint64 // adverts sent again after the first two of these

	DiscardsDropped uint64 // Discarded actions not published because nobody collects events

	Lateness    Histogram     // from a deadline to the moment the loop acted on it
	MaxLateness time.Duration // the worst of them

	Routers int // attached virtual routers
	Ports   int // pairs of sockets, one pair for each interface and family
}

// Histogram counts durations by upper bound. Buckets are not cumulative.
type Histogram struct {
	Counts [len(latenessBounds) + 1]uint64 // the last bucket has no bound
	Sum    time.Duration
}

// latenessBounds are the upper bounds of the lateness histogram. Its ends are a timer that fires exactly and an Active_Down_Interval.
var latenessBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second,
}

// Bounds returns the upper bound of every bucket but the last, which has none.
func (Histogram) Bounds() []time.Duration { return latenessBounds[:] }

// Total returns how many durations were counted.
func (h Histogram) Total() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Quantile returns the bound below which the share q (0 to 1) of the durations lies, or 0 if there are none. It knows no more than
// the bounds; for the last bucket it returns the largest of them.
func (h Histogram) Quantile(q float64) time.Duration {
	want := uint64(q * float64(h.Total()))
	var n uint64
	for i, c := range h.Counts {
		n += c
		if n > 0 && n >= want {
			return latenessBounds[min(i, len(latenessBounds)-1)]
		}
	}
	return 0
}

// meter is what the loop counts in: written by the loop alone, read by anybody.
type meter struct {
	rounds, received, sent           atomic.Uint64
	malformed, receiveErrors         atomic.Uint64
	congested, notReady, refused     atomic.Uint64
	unsent, retried, discardsDropped atomic.Uint64
	lateness                         [len(latenessBounds) + 1]atomic.Uint64
	latenessSum, latenessMax         atomic.Int64
	beats                            atomic.Uint64
	lastBeat                         atomic.Int64
	lastRound                        atomic.Int64 // its end
	lateAt, lateBy                   atomic.Int64 // the last wake-up that was late by more than lateNoticed
	routers                          atomic.Int64
}

// late records the lateness of one expiry.
func (m *meter) late(d time.Duration) {
	i := 0
	for i < len(latenessBounds) && d > latenessBounds[i] {
		i++
	}
	m.lateness[i].Add(1)
	m.latenessSum.Add(int64(d))
	if int64(d) > m.latenessMax.Load() {
		m.latenessMax.Store(int64(d))
	}
}

// read copies the counters.
func (m *meter) read() Stats {
	s := Stats{
		Rounds: m.rounds.Load(), Received: m.received.Load(), Sent: m.sent.Load(),
		Malformed: m.malformed.Load(), ReceiveErrors: m.receiveErrors.Load(),
		Congested: m.congested.Load(), NotReady: m.notReady.Load(), Refused: m.refused.Load(),
		Unsent: m.unsent.Load(), Retried: m.retried.Load(), DiscardsDropped: m.discardsDropped.Load(),
		MaxLateness: time.Duration(m.latenessMax.Load()),
		Routers:     int(m.routers.Load()),
	}
	for i := range m.lateness {
		s.Lateness.Counts[i] = m.lateness[i].Load()
	}
	s.Lateness.Sum = time.Duration(m.latenessSum.Load())
	return s
}
