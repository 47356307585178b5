// SPDX-License-Identifier: Apache-2.0

package vrrpsim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/vrrpsim"
)

func TestSameSeedSameHistory(t *testing.T) {
	t.Parallel()
	sums := map[uint64]uint64{}
	for seed := range uint64(50) {
		var first, second strings.Builder
		a := vrrpsim.Play(seed, vrrpsim.Options{Sink: func(r vrrpsim.Record) { first.WriteString(r.String() + "\n") }})
		b := vrrpsim.Play(seed, vrrpsim.Options{Sink: func(r vrrpsim.Record) { second.WriteString(r.String() + "\n") }})
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("seed %d played twice (-first +second):\n%s", seed, diff)
		}
		if first.String() != second.String() {
			t.Errorf("seed %d: two traces", seed)
		}
		if other, ok := sums[a.Sum]; ok {
			t.Errorf("seeds %d and %d have one history", seed, other)
		}
		sums[a.Sum] = seed
	}
}

// pair is a service on two nodes, a perfect network and perfect clocks.
func pair(t *testing.T, interval time.Duration) (*vrrpsim.Cluster, vrrpsim.Service, *vrrpsim.Node, *vrrpsim.Node) {
	t.Helper()
	c := vrrpsim.New(1)
	s := c.AddService(vrrpsim.Service{VRID: 51, Families: []vrrp.Family{vrrp.IPv4, vrrp.IPv6}, Interval: interval})
	a := c.AddNode(vrrpsim.NodeOptions{}).Join(s, vrrpsim.Role{Priority: 200, PreemptBelow: 255})
	b := c.AddNode(vrrpsim.NodeOptions{}).Join(s, vrrpsim.Role{Priority: 100, PreemptBelow: 255})
	a.Start(0)
	b.Start(0)
	c.Run(vrrp.Time(10 * interval))
	if !a.Active(1) || b.Active(1) {
		t.Fatal("the better node is not the only active one")
	}
	return c, s, a, b
}

// The times of the protocol come out to the nanosecond where nothing blurs them.
func TestTimesAreThoseOfTheProtocol(t *testing.T) {
	t.Parallel()
	const interval = 100 * time.Millisecond
	for _, tt := range []struct {
		name string
		end  func(*vrrpsim.Node)
		want time.Duration
	}{
		{"crash", (*vrrpsim.Node).Crash, 3*interval + 156*interval/256 - 5*time.Millisecond},
		{"kill", (*vrrpsim.Node).Kill, 156 * interval / 256},
		{"stop", (*vrrpsim.Node).Stop, 156 * interval / 256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s, a, b := pair(t, interval)
			// a became Active 3 intervals and 56/256 after 0, and has advertised at each interval since.
			last := vrrp.Time(3*interval + 56*interval/256)
			for last+vrrp.Time(interval) <= c.Now() {
				last += vrrp.Time(interval)
			}
			c.Run(last.Add(interval + 5*time.Millisecond))
			start := c.Now()
			tt.end(a)
			for !b.Active(1) && c.Step(start.Add(10*interval)) {
			}
			if got := c.Now().Sub(start); got != tt.want {
				t.Errorf("the heir was active after %s, want %s", got, tt.want)
			}
			for _, id := range s.IDs() {
				if !b.Holds(id) {
					t.Errorf("the heir does not hold the addresses of %d", id)
				}
			}
		})
	}
}

func TestStoppedNodeAnswersUntilHeirIsHeard(t *testing.T) {
	t.Parallel()
	c, _, a, b := pair(t, time.Second)
	a.Stop()
	end := c.Now().Add(10 * time.Second)
	for !b.Active(1) && c.Step(end) {
		if !b.Active(1) && !a.Holds(1) {
			t.Fatalf("at %d nobody holds the address", c.Now())
		}
	}
	c.Run(end)
	if a.Holds(1) || a.Condition() != vrrpsim.Off || !b.Holds(1) {
		t.Errorf("after the handover: old node holds %t, is %d; heir holds %t", a.Holds(1), a.Condition(), b.Holds(1))
	}
}

// A supervisor whose worker died alone keeps the addresses for an Active_Down_Interval, not longer.
func TestLastWillEndsWithoutHeir(t *testing.T) {
	t.Parallel()
	c, _, a, b := pair(t, 100*time.Millisecond)
	b.Crash()
	a.Kill()
	start := c.Now()
	c.Run(start.Add(300 * time.Millisecond))
	if !a.Holds(1) {
		t.Error("the addresses went before an Active_Down_Interval")
	}
	c.Run(start.Add(330 * time.Millisecond))
	if a.Holds(1) {
		t.Error("the addresses stay for ever")
	}
}

func TestPausedNodeDrainsWhatItsBufferHeld(t *testing.T) {
	t.Parallel()
	c := vrrpsim.New(1)
	s := c.AddService(vrrpsim.Service{VRID: 51, Families: []vrrp.Family{vrrp.IPv4}, Interval: 100 * time.Millisecond})
	a := c.AddNode(vrrpsim.NodeOptions{}).Join(s, vrrpsim.Role{Priority: 200, PreemptBelow: 255})
	b := c.AddNode(vrrpsim.NodeOptions{Buffer: 5}).Join(s, vrrpsim.Role{Priority: 100, PreemptBelow: 255})
	overflows := 0
	c.Sink = func(r vrrpsim.Record) {
		if r.What == vrrpsim.Overflow {
			overflows++
		}
	}
	a.Start(0)
	b.Start(0)
	c.Run(vrrp.Time(time.Second))
	before := b.Status(1).Counters.AdvertisementRcvd
	b.Pause()
	c.Run(vrrp.Time(2 * time.Second))
	b.Wake()
	if got := b.Status(1).Counters.AdvertisementRcvd - before; got != 5 || overflows != 5 {
		t.Errorf("heard %d adverts after its sleep and lost %d, want 5 and 5", got, overflows)
	}
	if b.Active(1) {
		t.Error("took over from a node that was heard while it slept")
	}
}

func TestLANCutsOneWay(t *testing.T) {
	t.Parallel()
	c, _, a, b := pair(t, 100*time.Millisecond)
	c.LAN.Cut(a.Index, b.Index)
	c.Run(c.Now().Add(time.Second))
	if !a.Active(1) || !b.Active(1) {
		t.Error("who does not hear the active node does not take over")
	}
	if c.LAN.Connected(0, 1) {
		t.Error("a cut one way is none")
	}
	c.LAN.Heal()
	c.Run(c.Now().Add(time.Second))
	if !a.Active(1) || b.Active(1) {
		t.Error("a healed cut leaves two active nodes")
	}
}

func TestClockRates(t *testing.T) {
	t.Parallel()
	for _, r := range []vrrpsim.Rate{{}, {Offset: 5}, {Offset: 1e15, PPM: 300}, {Offset: 77, PPM: -300}, {PPM: 1}} {
		for _, at := range []vrrp.Time{0, 1, 999, 1000, 123456789, 1e12 + 12345} {
			l := r.Local(at)
			if got := r.True(l); r.Local(got) < l || got > 0 && r.Local(got-1) >= l {
				t.Errorf("%+v: local %d is at %d, which shows %d", r, l, got, r.Local(got))
			}
		}
	}
	if got, want := (vrrpsim.Rate{PPM: 100}).Local(vrrp.Time(time.Second)), vrrp.Time(time.Second+100*time.Microsecond); got != want {
		t.Errorf("100 ppm: a second lasts %d, want %d", got, want)
	}
}
