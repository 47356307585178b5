// SPDX-License-Identifier: Apache-2.0

package vrrpsim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/vrrpsim"
)

// priorityAt is where the priority is in a message.
const priorityAt = 2

// ignoresRelease does not hear priority 0.
type ignoresRelease struct{ *vrrp.Router }

func (r ignoresRelease) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	if len(p.Message) > priorityAt && p.Message[priorityAt] == 0 {
		return out
	}
	return r.Router.Receive(now, p, out)
}

// deafToBetter does not hear who has the higher priority.
type deafToBetter struct{ *vrrp.Router }

func (r deafToBetter) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	if len(p.Message) > priorityAt {
		for id := vrrp.ID(1); id < 8; id++ {
			if s, _ := r.Status(id); s.State == vrrp.Active && vrrp.Priority(p.Message[priorityAt]) > s.Priority {
				return out
			}
		}
	}
	return r.Router.Receive(now, p, out)
}

// believesAnybody does not look at the TTL.
type believesAnybody struct{ *vrrp.Router }

func (r believesAnybody) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	p.TTL = 255
	return r.Router.Receive(now, p, out)
}

// dropsAtOnce releases without waiting for the heir.
type dropsAtOnce struct{ *vrrp.Router }

func (r dropsAtOnce) Release(now vrrp.Time, id vrrp.ID, out []vrrp.Action) []vrrp.Action {
	return r.Down(now, id, vrrp.ReasonShutdown, out)
}

// familiesApart lets the IPv6 side of a service go its own way.
type familiesApart struct{ *vrrp.Router }

func (r familiesApart) Add(id vrrp.ID, c vrrp.Config) error {
	c.Leader = 0
	return r.Router.Add(id, c)
}

// membersApart lets each member of a sync group go its own way.
type membersApart struct{ *vrrp.Router }

func (r membersApart) SetGroup(_ vrrp.Time, _ []vrrp.ID, out []vrrp.Action) []vrrp.Action { return out }

// isMute does not send.
type isMute struct{ *vrrp.Router }

func (r isMute) Expire(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
	return slices.DeleteFunc(r.Router.Expire(now, out), func(a vrrp.Action) bool { return a.Kind == vrrp.SendAdvert })
}

// neverTakesOver waits for an Active that is dead.
type neverTakesOver struct {
	*vrrp.Router
	heard *bool
}

func (r neverTakesOver) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	*r.heard = true
	return r.Router.Receive(now, p, out)
}

func (r neverTakesOver) Expire(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
	if !*r.heard {
		return r.Router.Expire(now, out)
	}
	for id := vrrp.ID(1); id < 8; id++ {
		if s, _ := r.Status(id); s.State == vrrp.Backup {
			out = r.Down(now, id, vrrp.ReasonLink, out)
		}
	}
	return r.Router.Expire(now, out)
}

// fearsItself steps back when its own packets come back.
type fearsItself struct{ *vrrp.Router }

func (r fearsItself) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	before := r.Global().OwnPackets
	if out = r.Router.Receive(now, p, out); r.Global().OwnPackets != before {
		return r.Yield(now, 1, vrrp.ReasonYield, out)
	}
	return out
}

// warped goes by a clock of its own.
type warped struct {
	*vrrp.Router
	warp *warp
}

// warp is how that clock goes.
type warp struct {
	last, shown vrrp.Time // the node's clock, and this one at that time
	percent     int64     // its rate
	still       bool      // it stands still while the node sleeps: nothing is later than
	late        time.Duration
}

func (r warped) now(now vrrp.Time) vrrp.Time {
	w := r.warp
	if w.last == 0 {
		w.last, w.shown = now, now
	}
	step := now.Sub(w.last) * time.Duration(w.percent) / 100
	if d := r.Router.Deadline(); w.still && d != vrrp.Never && w.shown.Add(step) > d.Add(w.late) {
		step = max(0, d.Sub(w.shown))
	}
	w.last, w.shown = now, w.shown.Add(step)
	return w.shown
}

func (r warped) Deadline() vrrp.Time {
	d := r.Router.Deadline()
	if d == vrrp.Never {
		return d
	}
	return r.warp.last.Add(d.Sub(r.warp.shown)*100/time.Duration(r.warp.percent) + 1)
}

func (r warped) Up(now vrrp.Time, id vrrp.ID, l vrrp.Link, out []vrrp.Action) []vrrp.Action {
	return r.Router.Up(r.now(now), id, l, out)
}

func (r warped) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	return r.Router.Receive(r.now(now), p, out)
}

func (r warped) Expire(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
	return r.Router.Expire(r.now(now), out)
}

func (r warped) Release(now vrrp.Time, id vrrp.ID, out []vrrp.Action) []vrrp.Action {
	return r.Router.Release(r.now(now), id, out)
}

func (r warped) Down(now vrrp.Time, id vrrp.ID, why vrrp.Reason, out []vrrp.Action) []vrrp.Action {
	return r.Router.Down(r.now(now), id, why, out)
}

func (r warped) Update(now vrrp.Time, id vrrp.ID, c vrrp.Config, out []vrrp.Action) []vrrp.Action {
	return r.Router.Update(r.now(now), id, c, out)
}

func (r warped) SetPriority(now vrrp.Time, id vrrp.ID, p vrrp.Priority, out []vrrp.Action) []vrrp.Action {
	return r.Router.SetPriority(r.now(now), id, p, out)
}

func (r warped) Yield(now vrrp.Time, id vrrp.ID, why vrrp.Reason, out []vrrp.Action) []vrrp.Action {
	return r.Router.Yield(r.now(now), id, why, out)
}

// Each broken core is noticed, by the invariant that is about it: the simulation has teeth.
func TestBrokenCoresAreNoticed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		core func() vrrpsim.Core
		want []vrrpsim.Invariant // any of them
	}{
		{"priority 0 is not heard", func() vrrpsim.Core { return ignoresRelease{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.HandsOver}},
		{"a better Active is not heard", func() vrrpsim.Core { return deafToBetter{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.OneActive}},
		{"the TTL is not looked at", func() vrrpsim.Core { return believesAnybody{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.IgnoresBad}},
		{"own packets are believed", func() vrrpsim.Core { return fearsItself{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.IgnoresBad}},
		{"a release does not wait", func() vrrpsim.Core { return dropsAtOnce{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.HandsOver}},
		{"IPv6 does not follow IPv4", func() vrrpsim.Core { return familiesApart{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.OneActive}},
		{"members of a sync group decide alone", func() vrrpsim.Core { return membersApart{vrrp.NewRouter()} },
			[]vrrpsim.Invariant{vrrpsim.AllOrNothing}},
		{"adverts are not sent", func() vrrpsim.Core { return isMute{vrrp.NewRouter()} }, []vrrpsim.Invariant{vrrpsim.OneActive}},
		{"nobody takes over", func() vrrpsim.Core { return neverTakesOver{vrrp.NewRouter(), new(bool)} },
			[]vrrpsim.Invariant{vrrpsim.OneActive, vrrpsim.NoSilence, vrrpsim.Steady}},
		{"the clock stands still in sleep", func() vrrpsim.Core {
			return warped{vrrp.NewRouter(), &warp{percent: 100, still: true, late: time.Millisecond}}
		}, []vrrpsim.Invariant{vrrpsim.ListensFirst}},
		{"adverts are an interval after the last", func() vrrpsim.Core { return warped{vrrp.NewRouter(), &warp{percent: 100, still: true}} },
			[]vrrpsim.Invariant{vrrpsim.NoDrift}},
		{"the clock is fast", func() vrrpsim.Core { return warped{vrrp.NewRouter(), &warp{percent: 103}} }, []vrrpsim.Invariant{vrrpsim.NoDrift}},
		{"the clock is slow", func() vrrpsim.Core { return warped{vrrp.NewRouter(), &warp{percent: 50}} },
			[]vrrpsim.Invariant{vrrpsim.NoDrift, vrrpsim.NoSilence}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := map[vrrpsim.Invariant]uint64{}
			for seed := range uint64(400) {
				f := vrrpsim.Play(seed, vrrpsim.Options{NewCore: tt.core}).Failure
				if f == nil {
					continue
				}
				if found[f.Invariant] == 0 {
					found[f.Invariant] = seed + 1
				}
				if slices.Contains(tt.want, f.Invariant) {
					t.Logf("after %d schedules: %s", seed+1, f.Text)
					return
				}
			}
			t.Errorf("not noticed by %v; found %v", tt.want, found)
		})
	}
}
