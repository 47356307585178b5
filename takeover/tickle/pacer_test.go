// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/takeover/flow"
)

const ms = time.Millisecond

// crowd makes a list of n clients of an address; every third has no numbers, unless all are to have them.
func crowd(local string, n int, exact bool) *flow.List {
	flows := make([]flow.Flow, n)
	for i := range flows {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		b[0] = 10
		flows[i] = flow.Flow{Local: netip.MustParseAddrPort(local), Remote: netip.AddrPortFrom(netip.AddrFrom4(b), 40000),
			Exact: exact || i%3 > 0, Send: uint32(i), Receive: 7}
		if flows[i].Local.Addr().Is6() {
			flows[i].Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xfd, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}), 40000)
		}
	}
	return flow.NewList(flows)
}

// sent is a segment and when it went.
type sent struct {
	at time.Duration
	Segment
}

// play runs a Pacer until it has nothing left; act may do something at any time.
func play(t *testing.T, p *Pacer, from time.Duration, act func(now time.Duration)) (all []sent) {
	t.Helper()
	var buffer []Segment
	for now := from; ; {
		if act != nil {
			act(now)
		}
		var wait time.Duration
		var more bool
		buffer, wait, more = p.Next(now, buffer[:0])
		for _, s := range buffer {
			all = append(all, sent{now, s})
		}
		if !more {
			return all
		}
		if wait <= 0 || wait > time.Second {
			t.Fatalf("at %s: wait %s", now, wait)
		}
		now += wait
	}
}

func TestClientsAreToldThreeTimesInASecond(t *testing.T) {
	t.Parallel()
	type told struct {
		At   time.Duration
		Kind Kind
	}
	got := map[bool][]told{}
	p := NewPacer(0)
	p.Add(time.Hour, crowd("10.99.0.101:5432", 2, false), 3) // the first without numbers, the second with
	for _, s := range play(t, p, time.Hour, nil) {
		got[s.Flow.Exact] = append(got[s.Flow.Exact], told{s.at - time.Hour, s.Kind})
		if s.Link != 3 {
			t.Errorf("link %d", s.Link)
		}
	}
	want := map[bool][]told{
		true: {{0, Reset}, {0, Keepalive}, {200 * ms, Reset}, {900 * ms, Keepalive}},
		false: {{0, Bare}, {0, BareSeq}, {0, BareAck}, {0, BareBoth}, {200 * ms, Bare},
			{900 * ms, Bare}, {900 * ms, BareSeq}, {900 * ms, BareAck}, {900 * ms, BareBoth}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAHundredThousandAreToldInAThirdOfASecond(t *testing.T) {
	t.Parallel()
	const n = 100_000
	p := NewPacer(0)
	p.Add(0, crowd("10.99.0.101:5432", n, true), 0)
	all := play(t, p, 0, nil)
	if len(all) != 4*n {
		t.Fatalf("%d segments, want %d", len(all), 4*n)
	}
	firsts := map[netip.AddrPort]time.Duration{}
	inWindow, from := 0, 0
	for i, s := range all {
		if _, ok := firsts[s.Flow.Remote]; !ok {
			firsts[s.Flow.Remote] = s.at
			if s.Kind != Reset {
				t.Fatalf("first segment is %s", s.Kind)
			}
		}
		for inWindow++; all[from].at <= s.at-10*ms; from++ {
			inWindow--
		}
		if inWindow > 10*DefaultRate+2*DefaultRate {
			t.Fatalf("segment %d: %d within 10 ms", i, inWindow)
		}
	}
	worst := time.Duration(0)
	for _, at := range firsts {
		worst = max(worst, at)
	}
	if len(firsts) != n || worst > 340*ms {
		t.Errorf("%d clients, the last one told after %s", len(firsts), worst)
	}
	if last := all[len(all)-1].at; last > 1400*ms {
		t.Errorf("everything took %s", last)
	}
}

func TestLateCallerDoesNotCatchUpAtOnce(t *testing.T) {
	t.Parallel()
	p := NewPacer(10)
	p.Add(0, crowd("10.99.0.101:5432", 1000, true), 0)
	for i, step := range []struct {
		at   time.Duration
		want int
	}{{0, 20}, {0, 0}, {50 * time.Microsecond, 0}, {150 * time.Microsecond, 1}, {time.Second, 20}, {1500 * ms, 20}, {1501 * ms, 10}} {
		got, _, more := p.Next(step.at, nil)
		if len(got) != step.want || !more {
			t.Errorf("call %d at %s: %d segments (more: %v), want %d", i, step.at, len(got), more, step.want)
		}
	}
}

func TestCancelledAddressIsTickledNoMore(t *testing.T) {
	t.Parallel()
	p := NewPacer(0)
	p.Add(0, crowd("10.99.0.101:5432", 900, true), 0)
	p.Add(0, crowd("10.99.0.102:5432", 900, true), 0)
	gone := netip.MustParseAddr("10.99.0.101")
	cancelled := false
	counts := map[netip.Addr]int{}
	for _, s := range play(t, p, 0, func(now time.Duration) {
		if now >= 100*ms && !cancelled {
			cancelled = true
			p.Cancel([]netip.Addr{gone})
			p.Add(now, crowd("10.99.0.101:5433", 1, true), 0) // inherited once more
		}
	}) {
		counts[s.Flow.Local.Addr()]++
		if s.Flow.Local == netip.AddrPortFrom(gone, 5432) && s.at >= 100*ms {
			t.Fatalf("%s from %s at %s", s.Kind, gone, s.at)
		}
	}
	want := map[netip.Addr]int{gone: 2*900 + 4, netip.MustParseAddr("10.99.0.102"): 4 * 900}
	if diff := cmp.Diff(want, counts, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneOfSeveralAddressesIsCancelled(t *testing.T) {
	t.Parallel()
	var flows []flow.Flow
	for _, list := range []*flow.List{crowd("10.99.0.101:1", 5, true), crowd("[fd99::101]:1", 5, true)} {
		for f := range list.All() {
			flows = append(flows, f)
		}
	}
	p := NewPacer(0)
	p.Add(0, flow.NewList(flows), 0)
	p.Cancel([]netip.Addr{netip.MustParseAddr("fd99::101")})
	all := play(t, p, 0, nil)
	for _, s := range all {
		if s.Flow.Local.Addr().Is6() {
			t.Errorf("%s from %s", s.Kind, s.Flow.Local)
		}
	}
	if len(all) != 20 {
		t.Errorf("%d segments, want 20", len(all))
	}
	p.Add(0, flow.NewList(flows), 0)
	p.Cancel([]netip.Addr{netip.MustParseAddr("fd99::101")})
	p.Cancel([]netip.Addr{netip.MustParseAddr("10.99.0.101")})
	if _, _, more := p.Next(0, nil); more {
		t.Error("something is left")
	}
}

// A service that is inherited later does not wait for the later rounds of an earlier one.
func TestFirstRoundGoesBeforeLaterOnes(t *testing.T) {
	t.Parallel()
	p := NewPacer(10)
	p.Add(0, crowd("10.99.0.101:5432", 5000, true), 0)
	added, done := false, time.Duration(0)
	for _, s := range play(t, p, 0, func(now time.Duration) {
		if now >= 600*ms && !added { // in the second walk of the first service
			added = true
			p.Add(now, crowd("10.99.0.102:5432", 100, true), 0)
		}
	}) {
		if s.Flow.Local.Addr() == netip.MustParseAddr("10.99.0.102") && s.Kind == Reset && done == 0 && s.Flow.Send == 99 {
			done = s.at
		}
	}
	if done == 0 || done > 612*ms {
		t.Errorf("told at %s, want within 12 ms of 600 ms", done)
	}
}

func BenchmarkAppendSegment(b *testing.B) {
	for _, local := range []string{"10.99.0.101:5432", "[fd99::101]:5432"} {
		b.Run(local, func(b *testing.B) {
			f := crowd(local, 1, true).At(0)
			buffer := make([]byte, 0, SegmentLength)
			b.ReportAllocs()
			for b.Loop() {
				buffer = AppendSegment(buffer[:0], f, Reset)
			}
		})
	}
}

// BenchmarkPacer paces all segments for 100,000 clients.
func BenchmarkPacer(b *testing.B) {
	list := crowd("10.99.0.101:5432", 100_000, true)
	var buffer []Segment
	b.ReportAllocs()
	for b.Loop() {
		p := NewPacer(0)
		p.Add(0, list, 0)
		for now, more := time.Duration(0), true; more; {
			var wait time.Duration
			buffer, wait, more = p.Next(now, buffer[:0])
			now += wait
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400_000, "ns/segment")
}
