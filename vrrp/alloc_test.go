// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"
	"time"
)

// thousands is a router with many virtual routers over IPv4, 250 on an interface, in a state.
func thousands(tb testing.TB, count int, state State) *station {
	tb.Helper()
	s := &station{t: tb, r: NewRouter(), now: Time(time.Hour)}
	for i := range count {
		c := config4()
		c.VRID = VRID(1 + i%250)
		c.Addresses[0] = c.Addresses[0].Next()
		if err := s.r.Add(ID(i+1), c); err != nil {
			tb.Fatal(err)
		}
		s.now = s.now.Add(250 * time.Microsecond) // spread over the second
		s.r.Up(s.now, ID(i+1), Link{Interface: 1 + i/250, Source: self4}, nil)
	}
	if state == Active {
		s.pass(5 * time.Second)
	}
	return s
}

// steady are the things that happen all the time; out is long enough for all that one of them does.
var steady = []struct {
	name string
	make func(tb testing.TB) func(out []Action)
}{
	{"a backup hears its active", func(tb testing.TB) func([]Action) {
		s := thousands(tb, 4000, Backup)
		p := packet(config4(), 200, higher4)
		p.Message = AppendMessage(nil, &s.r.machines[7].cfg, 200, higher4, IPv4.Group())
		return func(out []Action) { s.now++; s.r.Receive(s.now, p, out) }
	}},
	{"an IPv6 backup hears its active", func(tb testing.TB) func([]Action) {
		follower := config6()
		follower.Leader = 1
		s := newStation(tb, config4(), follower)
		s.up(1, 2)
		p4, p6 := packet(config4(), 200, higher4), packet(follower, 200, higher6)
		return func(out []Action) { s.now++; s.r.Receive(s.now, p6, s.r.Receive(s.now, p4, out)) }
	}},
	{"a backup with a password hears its active", func(tb testing.TB) func([]Action) {
		s := newStation(tb, config2())
		s.up(1)
		p := packet(config2(), 200, higher4)
		return func(out []Action) { s.now++; s.r.Receive(s.now, p, out) }
	}},
	{"an active answers a losing one", func(tb testing.TB) func([]Action) {
		s := newStation(tb, config4()).elect()
		p := packet(config4(), 50, higher4)
		return func(out []Action) {
			s.now = s.now.Add(300 * time.Millisecond)
			s.r.Receive(s.now, p, s.r.Expire(s.now, out))
		}
	}},
	{"an advert with a trailer", func(tb testing.TB) func([]Action) {
		a, b := newStation(tb, sealed()()), newStation(tb, sealed()())
		a.r.Up(a.now, 1, Link{Interface: 1, Source: higher4}, nil)
		b.up(1)
		p := packet(config4(), 200, higher4)
		return func(out []Action) {
			b.now++
			a.r.SetWall(b.now, today)
			b.r.SetWall(b.now, today)
			p.Message = a.r.Message(1, 200, IPv4.Group())
			if b.r.Receive(b.now, p, out); b.r.machines[1].counters.AuthErrors > 0 {
				tb.Error("it is not accepted")
			}
		}
	}},
	{"an odd advert", func(tb testing.TB) func([]Action) {
		s := newStation(tb, config4())
		s.up(1)
		c := config4()
		c.Interval, c.Addresses = 2*time.Second, addrs("10.0.1.52", "10.0.1.53")
		p := packet(c, 200, higher4)
		return func(out []Action) { s.now++; s.r.Receive(s.now, p, out) }
	}},
	{"a bad packet", func(tb testing.TB) func([]Action) {
		s := newStation(tb, config4())
		s.up(1)
		p := packet(config4(), 200, higher4)
		p.Message[6] ^= 1
		return func(out []Action) { s.now++; s.r.Receive(s.now, p, out) }
	}},
	{"a packet for nobody", func(tb testing.TB) func([]Action) {
		r, p := NewRouter(), packet(config4(), 200, higher4)
		return func(out []Action) { r.Receive(1, p, out) }
	}},
	{"4,000 actives advertise", func(tb testing.TB) func([]Action) {
		s := thousands(tb, 4000, Active)
		return func(out []Action) {
			s.now = s.r.Deadline()
			for _, a := range s.r.Expire(s.now, out) {
				if len(s.r.Message(a.ID, a.Priority, IPv4.Group())) == 0 {
					tb.Error("nothing to send")
				}
			}
		}
	}},
}

func TestNothingIsAllocatedInTheSteadyState(t *testing.T) {
	for _, tt := range steady {
		do, out := tt.make(t), make([]Action, 0, 64)
		for range 5000 { // maps and messages have their size
			do(out)
		}
		if n := testing.AllocsPerRun(5000, func() { do(out) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", tt.name, n)
		}
	}
}

func BenchmarkSteadyState(b *testing.B) {
	for _, tt := range steady {
		b.Run(tt.name, func(b *testing.B) {
			do, out := tt.make(b), make([]Action, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				do(out)
			}
		})
	}
}

// BenchmarkTakeover is what a node does that inherits 4,000 virtual routers at once.
func BenchmarkTakeover(b *testing.B) {
	out := make([]Action, 0, 2*4000)
	for b.Loop() {
		b.StopTimer()
		s := thousands(b, 4000, Backup)
		s.now = s.now.Add(5 * time.Second)
		b.StartTimer()
		if out = s.r.Expire(s.now, out[:0]); len(out) != 2*4000 {
			b.Fatalf("%d actions", len(out))
		}
	}
}
