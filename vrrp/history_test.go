// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is done in whatever order, states follow from one another, only an Active speaks, and the router knows what is due.
func TestAnyHistoryIsConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		follower, single, second := config6(), config4(), config2()
		follower.Leader = 1
		single.VRID, second.VRID = 52, 53
		s := newStation(t, config4(), follower, single, second)
		w := watch{rt: rt, state: map[ID]State{}}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			id := ID(rapid.IntRange(1, 4).Draw(rt, "id"))
			if s.r.machines[id] == nil {
				continue
			}
			w.see(s.step(rt, id))
			for other := range s.r.machines {
				if st, _ := s.r.Status(other); st.State != w.state[other] {
					rt.Fatalf("virtual router %d is %s, and the actions say %s", other, st.State, w.state[other])
				}
			}
			if bad := s.consistent(); bad != "" {
				rt.Fatal(bad)
			}
		}
	})
}

// step does one thing.
func (s *station) step(rt *rapid.T, id ID) []Action {
	priority := Priority(rapid.IntRange(0, 255).Draw(rt, "priority"))
	m := s.r.machines[id]
	switch rapid.IntRange(0, 11).Draw(rt, "what") {
	case 0:
		return s.up(id)
	case 1:
		return s.r.Down(s.now, id, ReasonLink, nil)
	case 2:
		return s.r.Release(s.now, id, nil)
	case 3:
		return s.r.Yield(s.now, id, ReasonYield, nil)
	case 4:
		return s.r.SetPriority(s.now, id, priority, nil)
	case 5:
		return s.r.SetPreemptBelow(s.now, id, priority, nil)
	case 6:
		c := m.cfg
		c.Interval = time.Duration(rapid.IntRange(1, 4).Draw(rt, "interval")) * time.Second
		return s.r.Update(s.now, id, c, nil)
	case 7, 8:
		src := rapid.SampledFrom(addrs("10.0.0.1", "10.0.0.5", "10.0.0.9")).Draw(rt, "source")
		if m.cfg.Family == IPv6 {
			src = rapid.SampledFrom(addrs("fe80::1", "fe80::5", "fe80::9")).Draw(rt, "source")
		}
		return s.hear(id, priority, src)
	case 9:
		s.now = s.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(rt, "ms")) * time.Millisecond)
		return s.r.Expire(s.now, nil)
	default:
		return s.pass(time.Duration(rapid.IntRange(0, 6_000).Draw(rt, "ms")) * time.Millisecond)
	}
}

// watch follows the states by the actions alone, as whoever carries them out does.
type watch struct {
	rt    *rapid.T
	state map[ID]State
}

func (w *watch) see(out []Action) {
	for i, a := range out {
		switch a.Kind {
		case Enter:
			if a.From != w.state[a.ID] || a.To == a.From {
				w.rt.Fatalf("%q: virtual router %d was %s", words(out), a.ID, w.state[a.ID])
			}
			w.state[a.ID] = a.To
		case SendAdvert:
			before := i+1 < len(out) && w.enters(out[i+1:], a.ID)
			if w.state[a.ID] != Active && !before {
				w.rt.Fatalf("%q: virtual router %d sends, and is %s", words(out), a.ID, w.state[a.ID])
			}
		case Announce:
			if w.state[a.ID] != Active {
				w.rt.Fatalf("%q: virtual router %d announces, and is %s", words(out), a.ID, w.state[a.ID])
			}
		case Inherited:
			if w.state[a.ID] != Initialize {
				w.rt.Fatalf("%q: virtual router %d was inherited, and is %s", words(out), a.ID, w.state[a.ID])
			}
		case Discarded:
		}
	}
}

// enters reports whether the next state that a virtual router enters is Active: its first advert leaves before that.
func (w *watch) enters(out []Action, id ID) bool {
	for _, a := range out {
		if a.ID == id && a.Kind == Enter {
			return a.To == Active
		}
	}
	return false
}
