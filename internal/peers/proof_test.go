// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// The bounds that the client's eye sees, beyond what the protocol needs.
const (
	boundCut     = 10 * time.Millisecond // from the last advert, beyond Active_Down_Interval
	boundWorker  = 50 * time.Millisecond // from kill -9 of the worker, beyond the skew time
	boundHung    = 100 * time.Millisecond
	boundSilence = 10 * time.Millisecond // a client's wait when the change is planned
	boundStale   = 20 * time.Millisecond // from the heir's first announcement to the old node's last packet
	heartbeat    = 500 * time.Millisecond
)

// inheritance is the stage of a proof: an owner, its heir and a client that connects to the address each millisecond.
type inheritance struct {
	t           *testing.T
	lab         *netlab.Lab
	client      *netlab.Node
	owner, heir *netlab.Node
	a, b        *Regent
	routerA     Router
	routerB     Router
	vip         netip.Addr
}

// fault is a way to lose an owner, and to get it back.
type fault struct {
	name string
	runs func(interval time.Duration) int
	// hit makes it happen.
	hit func(s *inheritance) error
	// undo makes it possible for the owner to return; it runs again after this.
	undo func(s *inheritance) error
	// judge returns the figure that has a bound, its name and the bound.
	judge func(s *inheritance, f figures) []bounded
}

// figures are what one loss looked like.
type figures struct {
	fault   time.Time
	takes   time.Duration // from the owner's last advert to the first error by the heir
	since   time.Duration // from the fault to the first error by the heir
	silence time.Duration // the longest that the client waited for an answer
	stale   time.Duration // from the heir's first announcement to the owner's last packet from the address
	gone    time.Duration // from the fault to the owner's kernel without the address
}

// disturbed is how many runs of a fault may be left out because the machine stood still.
const disturbed = 20

// bounded is a figure with its bound.
type bounded struct {
	name   string
	value  time.Duration
	bound  time.Duration
	median bool // the bound is for the median, else for the worst
}

// String is the figure as it is logged.
func (b bounded) String() string { return fmt.Sprintf("%s %s", b.name, round(b.value)) }

func few(time.Duration) int  { return 10 }
func many(time.Duration) int { return 20 }

// faults are the losses of a client's proof.
func faults() []fault {
	again := func(s *inheritance) error {
		if err := s.a.Stop(); err != nil {
			return err
		}
		return s.a.Start(s.ctx(), s.owner, s.routerA)
	}
	return []fault{
		{
			name: "cut", runs: many,
			hit:  func(s *inheritance) error { return s.owner.Cut() },
			undo: func(s *inheritance) error { return s.owner.Heal() },
			judge: func(s *inheritance, f figures) []bounded {
				return []bounded{{"last advert to first error", f.takes, s.routerB.DownInterval(s.routerA.Interval) + boundCut, true}}
			},
		},
		{
			name: "kill -9 of the worker", runs: few,
			hit:  func(s *inheritance) error { return s.a.SignalWorker(unix.SIGKILL) },
			undo: again,
			judge: func(s *inheritance, f figures) []bounded {
				return []bounded{
					{"kill to first error by the heir", f.since, s.routerB.Skew(s.routerA.Interval) + boundWorker, true},
					{"client's longest wait", f.silence, boundSilence, false},
					{"old node's last packet after the heir's announcement", f.stale, boundStale, false},
				}
			},
		},
		{
			name: "SIGTERM", runs: few,
			hit:  func(s *inheritance) error { return s.a.Term() },
			undo: again,
			judge: func(_ *inheritance, f figures) []bounded {
				return []bounded{
					{"client's longest wait", f.silence, boundSilence, false},
					{"old node's last packet after the heir's announcement", f.stale, boundStale, false},
				}
			},
		},
		{
			name: "kill -9 of the process group", runs: few,
			hit:  func(s *inheritance) error { return s.a.Kill9() },
			undo: again,
			judge: func(_ *inheritance, f figures) []bounded {
				return []bounded{{"kill to address gone", f.gone, leases, false}}
			},
		},
		{
			name: "SIGSTOP of the worker", runs: few,
			hit:  func(s *inheritance) error { return s.a.SignalWorker(unix.SIGSTOP) },
			undo: again,
			judge: func(s *inheritance, f figures) []bounded {
				limit := max(4*s.routerA.Interval, heartbeat) // an Active_Down_Interval, whatever the priority
				return []bounded{
					{"stop to first error by the heir", f.since, limit + boundHung, true},
					{"stop to address gone from the old node", f.gone, limit + boundHung, true},
				}
			},
		},
	}
}

// TestProofInheritance measures what a client sees of each loss, at each interval.
func TestProofInheritance(t *testing.T) {
	requirePeers(t)
	binary := regentBinary(t)
	stalls := WatchStalls(t.Context())
	for _, interval := range []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond} {
		for _, f := range faults() {
			t.Run(fmt.Sprintf("%s at %s", f.name, interval), func(t *testing.T) {
				s := newInheritance(t, binary, interval)
				var results [][]bounded
				for runs, left := f.runs(interval), disturbed; len(results) < runs; {
					loss := s.lose(f)
					b := f.judge(s, loss)
					if late := stalls.Worst(loss.fault.Add(-interval), time.Now()); late > 0 && left > 0 {
						left--
						t.Logf("a run does not count, since the machine stood still for %s: %v", round(late), b)
					} else {
						results = append(results, b)
					}
					if len(results) < runs {
						must(t, f.undo(s))
					}
				}
				for i := range results[0] {
					var list []bounded
					for _, r := range results {
						list = append(list, r[i])
					}
					verdict(t, list)
				}
			})
		}
	}
}

// verdict prints the figures of all runs and compares them with their bound.
func verdict(t *testing.T, list []bounded) {
	t.Helper()
	name := list[0].name
	values := make([]time.Duration, len(list))
	for i, b := range list {
		values[i] = b.value
	}
	slices.Sort(values)
	median, worst := values[len(values)/2], values[len(values)-1]
	judged, what := worst, "worst"
	if list[0].median {
		judged, what = median, "median"
	}
	t.Logf("%s: best %s, median %s, worst %s of %d; bound %s for the %s", name,
		round(values[0]), round(median), round(worst), len(values), round(list[0].bound), what)
	if judged > list[0].bound {
		t.Errorf("%s: the %s is %s, want at most %s", name, what, round(judged), round(list[0].bound))
	}
}

// newInheritance lays the stage; the owner is Active when it returns.
func newInheritance(t *testing.T, binary string, interval time.Duration) *inheritance {
	t.Helper()
	dir, err := os.MkdirTemp("", "peers")
	must(t, err)
	lab := netlab.Test(t)
	s := &inheritance{t: t, lab: lab}
	for i, n := range []**netlab.Node{&s.owner, &s.heir, &s.client} {
		*n, err = lab.Node([]string{"owner", "heir", "client"}[i], fmt.Sprintf("10.99.0.%d/24", i+1))
		must(t, err)
	}
	r := v3.router()
	r.Interval, r.Refuse = interval, true
	s.vip = r.Addresses[0].Addr()
	s.routerA, s.routerB = r, r
	s.routerA.Priority, s.routerB.Priority = 150, 100
	s.a, s.b = NewRegent(binary, filepath.Join(dir, "owner")), NewRegent(binary, filepath.Join(dir, "heir"))
	s.a.Realtime, s.b.Realtime = interval < 100*time.Millisecond, interval < 100*time.Millisecond
	t.Cleanup(func() {
		for _, d := range []Daemon{s.a, s.b} {
			if err := d.Cleanup(); err != nil {
				t.Errorf("clean up after %s: %v", d.Name(), err)
			}
		}
		must(t, os.RemoveAll(dir))
	})
	must(t, s.a.Start(s.ctx(), s.owner, s.routerA))
	must(t, s.b.Start(s.ctx(), s.heir, s.routerB))
	return s
}

func (s *inheritance) ctx() context.Context { return context.WithoutCancel(s.t.Context()) }

// lose waits until the owner is Active alone, makes the fault happen, watches the heir take over, and undoes it.
func (s *inheritance) lose(f fault) figures {
	t := s.t
	t.Helper()
	calm := s.routerA.DownInterval(s.routerA.Interval) + startup
	must(t, Await(s.ctx(), calm+10*time.Second, "the owner is the only holder", func() bool {
		return s.owner.Holds(s.vip) && !s.heir.Holds(s.vip)
	}))
	ctx, cancel := context.WithCancel(s.ctx())
	defer cancel()
	wire, err := s.lab.Capture("loss", "")
	must(t, err)
	var client sync.WaitGroup
	client.Go(func() {
		if err := KeepConnecting(ctx, s.client, netip.AddrPortFrom(s.vip, 7000), time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	wait(s.ctx(), max(s.routerA.Interval, 300*time.Millisecond)) // adverts and answers before
	out := figures{fault: time.Now()}
	must(t, f.hit(s))
	heirMAC, ownerMAC := s.heir.Port("eth0").MAC().String(), s.owner.Port("eth0").MAC().String()
	limit := s.routerB.DownInterval(s.routerA.Interval) + 5*time.Second
	must(t, Await(ctx, limit, "the heir answers the client", func() bool {
		_, ok := FirstBy(Probes(lately(wire.Frames()), s.client3(), s.vip), heirMAC, out.fault)
		return ok
	}))
	if f.name != "cut" { // cut off, it keeps the address: it cannot know
		must(t, Await(ctx, 2*leases, "the owner's kernel has given the address up", func() bool { return !s.owner.Holds(s.vip) }))
		out.gone = time.Since(out.fault)
	}
	wait(s.ctx(), 200*time.Millisecond)
	cancel()
	client.Wait()
	_, err = wire.Stop()
	must(t, err)
	s.measure(&out, wire.Frames(), ownerMAC, heirMAC)
	return out
}

// client3 is the client's address.
func (s *inheritance) client3() netip.Addr { return netip.MustParseAddr("10.99.0.3") }

// measure reads the figures off the wire.
func (s *inheritance) measure(out *figures, frames []netlab.Frame, ownerMAC, heirMAC string) {
	probes := Probes(frames, s.client3(), s.vip)
	first, ok := FirstBy(probes, heirMAC, out.fault)
	if !ok || !first.Refused {
		s.t.Fatalf("the heir's first answer is no error: %+v", first)
	}
	var lastAdvert, announced time.Time
	for _, f := range frames {
		from := f.SourceMAC().String()
		if _, priority, ok := f.VRRP(); ok && from == ownerMAC && priority > 0 && f.Time.Before(first.Answered) {
			lastAdvert = f.Time
		}
		if from == heirMAC && announced.IsZero() && f.Announces(s.vip) {
			announced = f.Time
		}
	}
	out.takes, out.since = first.Answered.Sub(lastAdvert), first.Answered.Sub(out.fault)
	out.silence, _ = Silence(probes, 50*time.Millisecond)
	if announced.IsZero() {
		s.t.Error("the heir announces nothing")
	} else if last := LastFrom(frames, ownerMAC, s.vip); last.After(announced) {
		out.stale = last.Sub(announced)
	}
}

// lately cuts a long recording down to its newest part.
func lately(frames []netlab.Frame) []netlab.Frame { return frames[max(0, len(frames)-2000):] }

// wait lets time pass that belongs to what is measured.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
