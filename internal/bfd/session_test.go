// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	neighbor4 = netip.MustParseAddr("10.0.0.2")
	source4   = netip.MustParseAddr("10.0.0.1")
)

const (
	ms   = time.Millisecond
	mine = 0x11
	his  = 0x22
)

// end is a session with a clock, played with by hand.
type end struct {
	t   *testing.T
	s   *Session
	now Time
}

func newEnd(t *testing.T, c Config) *end {
	t.Helper()
	if !c.Neighbor.IsValid() {
		c.Neighbor = neighbor4
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	const now = Time(time.Hour)
	return &end{t, NewSession(now, c, mine), now}
}

// hears gives the session a packet of its neighbour; edits change it.
func (e *end) hears(state State, edits ...func(*Packet)) Output {
	e.t.Helper()
	p := Packet{State: state, Multiplier: 3, MyDiscriminator: his, YourDiscriminator: mine, DesiredMinTX: 10 * ms, RequiredMinRX: 10 * ms}
	for _, edit := range edits {
		edit(&p)
	}
	out, discard := e.s.Receive(e.now, p, 255, half)
	if discard != Taken {
		e.t.Fatalf("discarded: %s", discard)
	}
	return out
}

// half is the random number in the middle: intervals of seven eighths.
const half = 1 << 31

// up brings the session up, and ends the poll sequence that follows.
func (e *end) up() *end {
	e.t.Helper()
	e.s.Tick(e.now, half)
	e.hears(Init)
	e.hears(Up, final)
	if e.s.State() != Up || e.s.polling {
		e.t.Fatalf("%s, polling %v", e.s.State(), e.s.polling)
	}
	return e
}

// until lets time pass, and returns what is sent and when, in milliseconds.
func (e *end) until(t Time) (sent []string, packets []Packet) {
	for d := e.s.Deadline(); d <= t; d = e.s.Deadline() {
		e.now = d
		if out := e.s.Tick(d, half); out.Send {
			sent = append(sent, fmt.Sprintf("%.2f", float64(d-Time(time.Hour))/1e6))
			packets = append(packets, out.Packet)
		}
	}
	e.now = t
	return sent, packets
}

func final(p *Packet)   { p.Final = true }
func poll(p *Packet)    { p.Poll = true }
func demands(p *Packet) { p.Demand = true }

func wants(rx time.Duration) func(*Packet) { return func(p *Packet) { p.RequiredMinRX = rx } }
func sends(tx time.Duration) func(*Packet) { return func(p *Packet) { p.DesiredMinTX = tx } }

// The whole of RFC 5880 §6.2 and of the table in §6.8.6: each state, each thing heard, and silence.
func TestStatesFollowTheRFC(t *testing.T) {
	t.Parallel()
	const silence = State(9)
	arrange := map[State]func(*end){
		AdminDown: func(e *end) { e.up().s.Disable(e.now) },
		Down:      func(e *end) { e.hears(AdminDown) },
		Init:      func(e *end) { e.hears(Down) },
		Up:        func(e *end) { e.up() },
	}
	for _, c := range []struct {
		from, hears, to State
		why             Diagnostic
	}{
		{Down, AdminDown, Down, NoDiagnostic},
		{Down, Down, Init, NoDiagnostic},
		{Down, Init, Up, NoDiagnostic},
		{Down, Up, Down, NoDiagnostic},
		{Down, silence, Down, NoDiagnostic},
		{Init, AdminDown, Down, NeighborSignaledDown},
		{Init, Down, Init, NoDiagnostic},
		{Init, Init, Up, NoDiagnostic},
		{Init, Up, Up, NoDiagnostic},
		{Init, silence, Down, DetectionTimeExpired},
		{Up, AdminDown, Down, NeighborSignaledDown},
		{Up, Down, Down, NeighborSignaledDown},
		{Up, Init, Up, NoDiagnostic},
		{Up, Up, Up, NoDiagnostic},
		{Up, silence, Down, DetectionTimeExpired},
		{AdminDown, AdminDown, AdminDown, AdministrativelyDown},
		{AdminDown, Down, AdminDown, AdministrativelyDown},
		{AdminDown, Init, AdminDown, AdministrativelyDown},
		{AdminDown, Up, AdminDown, AdministrativelyDown},
		{AdminDown, silence, AdminDown, AdministrativelyDown},
	} {
		name := c.from.String() + " hears " + c.hears.String()
		if c.hears == silence {
			name = c.from.String() + " hears nothing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, Config{})
			arrange[c.from](e)
			if e.s.State() != c.from {
				t.Fatalf("begins in %s", e.s.State())
			}
			var out Output
			switch {
			case c.hears == silence:
				e.now = e.now.Add(10 * time.Second)
				out = e.s.Tick(e.now, half)
				if c.from != AdminDown && e.s.remote != 0 {
					t.Error("bfd.RemoteDiscr is not zero after a detection time of silence (§6.8.1)")
				}
			case c.from == AdminDown:
				var discard Discard
				p := Packet{State: c.hears, Poll: true, Multiplier: 3, MyDiscriminator: his, YourDiscriminator: mine}
				if out, discard = e.s.Receive(e.now, p, 255, half); discard != AdministrativeState || out.Send {
					t.Errorf("%s, sends %v: want it discarded", discard, out.Send)
				}
			default:
				out = e.hears(c.hears)
			}
			if e.s.State() != c.to || e.s.Diagnostic() != c.why {
				t.Errorf("ends in %s (%s), want %s (%s)", e.s.State(), e.s.Diagnostic(), c.to, c.why)
			}
			if out.Changed != (c.from != c.to) {
				t.Errorf("tells a change: %v", out.Changed)
			}
			if out.Changed && (!out.Send || out.Packet.State != c.to || out.Packet.Diagnostic != c.why) {
				t.Errorf("a change is to be told the neighbour at once: %+v", out)
			}
		})
	}
}

func TestSlowUntilUpThenFastAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{MinTX: 20 * ms})
	sent, packets := e.until(e.now.Add(2 * time.Second))
	if diff := cmp.Diff([]string{"0.00", "875.00", "1750.00"}, sent); diff != "" {
		t.Errorf("while down (-want +got):\n%s", diff)
	}
	if p := packets[0]; p.DesiredMinTX != time.Second || p.RequiredMinRX != 10*ms || p.YourDiscriminator != 0 || p.Poll {
		t.Errorf("says %+v", p)
	}
	out := e.hears(Init)
	if p := out.Packet; !out.Send || p.State != Up || p.DesiredMinTX != 20*ms || !p.Poll || p.Final || p.YourDiscriminator != his {
		t.Errorf("on coming up: %+v", out)
	}
	sent, packets = e.until(e.now.Add(20 * ms))
	if diff := cmp.Diff([]string{"2017.50"}, sent); diff != "" || !packets[0].Poll {
		t.Errorf("while up, polling %v (-want +got):\n%s", packets[0].Poll, diff)
	}
	e.hears(Up, final)
	if _, packets = e.until(e.now.Add(20 * ms)); len(packets) != 1 || packets[0].Poll {
		t.Errorf("polls after its answer: %+v", packets)
	}
}

func TestThePaceIsTheSlowerOfBoth(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{MinTX: 20 * ms}).up()
	e.hears(Up, wants(100*ms), sends(time.Second))
	if e.s.Interval() != 100*ms {
		t.Errorf("interval %v", e.s.Interval())
	}
	sent, _ := e.until(e.now.Add(200 * ms))
	if !cmp.Equal(sent, []string{"87.50", "175.00"}) {
		t.Errorf("slowed down: %v", sent)
	}
	e.hears(Up, wants(ms), sends(time.Second))
	if sent, _ = e.until(e.now.Add(20 * ms)); !cmp.Equal(sent, []string{"200.00", "217.50"}) {
		t.Errorf("faster at once: %v", sent)
	}
}

func TestSilenceIsReckonedByTheNeighboursMultiplierAndTheSlowerInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minRX, tx time.Duration
		want      time.Duration
	}{{10 * ms, 50 * ms, 150 * ms}, {50 * ms, 10 * ms, 150 * ms}, {10 * ms, 0, 30 * ms}} {
		e := newEnd(t, Config{MinRX: c.minRX, Multiplier: 7}).up()
		e.hears(Up, sends(c.tx))
		begin := e.now
		if got := e.s.DetectionTime(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		for e.s.State() == Up {
			e.until(e.s.Deadline())
		}
		if got := e.now.Sub(begin); got != c.want {
			t.Errorf("%+v: down after %v", c, got)
		}
	}
}

func TestAPollIsAnsweredAtOnceAndDoesNotMoveThePeriodicPackets(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{}).up()
	next := e.s.next
	out := e.hears(Up, poll)
	if p := out.Packet; !out.Send || !p.Final || p.Poll || out.Changed || e.s.next != next {
		t.Errorf("%+v, next %v and was %v", out, e.s.next, next)
	}
	e.s.Change(e.now, Config{Neighbor: neighbor4, MinTX: 30 * ms}, half)
	if p := e.hears(Up, poll).Packet; !p.Final || p.Poll {
		t.Errorf("while polling itself: %+v", p)
	}
	if p := newEnd(t, Config{}).hears(Down, poll).Packet; !p.Final || p.State != Init {
		t.Errorf("an answer that tells a change: %+v", p)
	}
}

func TestAPassiveSessionWaitsToBeSpokenTo(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{Passive: true})
	if d := e.s.Deadline(); d != Never {
		t.Errorf("deadline %v", d)
	}
	if out := e.hears(Down, func(p *Packet) { p.YourDiscriminator = 0 }); !out.Send || out.Packet.State != Init {
		t.Errorf("spoken to: %+v", out)
	}
	if sent, _ := e.until(e.now.Add(25 * ms)); len(sent) > 0 {
		t.Errorf("in haste: %v", sent)
	}
	e.hears(Up)
	if sent, _ := e.until(e.now.Add(25 * ms)); len(sent) != 2 {
		t.Errorf("when up: %v", sent)
	}
	sent, _ := e.until(e.now.Add(time.Minute))
	if e.s.State() != Down || len(sent) > 3 || e.s.Deadline() != Never {
		t.Errorf("after silence: %s, %v", e.s.State(), sent)
	}
}

func TestANeighbourThatWantsNoPacketsGetsNone(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{}).up()
	e.hears(Up, wants(0), sends(time.Second))
	if sent, _ := e.until(e.now.Add(time.Second)); len(sent) > 0 {
		t.Errorf("periodic: %v", sent)
	}
	if out := e.hears(Up, wants(0), sends(time.Second), poll); !out.Send || !out.Packet.Final {
		t.Errorf("poll: %+v", out)
	}
	e.hears(Up)
	if sent, _ := e.until(e.now.Add(25 * ms)); len(sent) != 3 {
		t.Errorf("wants them again: %v", sent)
	}
	e.hears(Up, wants(0))
	if sent, _ := e.until(e.now.Add(2 * time.Second)); e.s.State() != Down || len(sent) < 2 {
		t.Errorf("after its silence: %s, %v", e.s.State(), sent)
	}
}

func TestDemandIsGivenAndNotAskedFor(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{}).up()
	e.hears(Up, demands, sends(time.Second))
	if sent, _ := e.until(e.now.Add(time.Second)); len(sent) > 0 {
		t.Errorf("periodic: %v", sent)
	}
	if out := e.hears(Up, demands, poll, sends(time.Second)); !out.Send || !out.Packet.Final || out.Packet.Demand {
		t.Errorf("poll: %+v", out)
	}
	e.s.Change(e.now, Config{Neighbor: neighbor4, MinTX: 30 * ms}, half)
	if _, packets := e.until(e.now.Add(100 * ms)); len(packets) < 3 || !packets[0].Poll {
		t.Errorf("own poll: %+v", packets)
	}
	e.hears(Up, demands, final, sends(time.Second))
	if sent, _ := e.until(e.now.Add(time.Second)); len(sent) > 0 {
		t.Errorf("after its own poll: %v", sent)
	}
	e.hears(Init, demands)
	if sent, _ := e.until(e.now.Add(25 * ms)); len(sent) == 0 {
		t.Error("nothing while the neighbour is not up")
	}
}

func TestChangesOfTimesAreAgreedOn(t *testing.T) {
	t.Parallel()
	config := func(tx, rx time.Duration) Config { return Config{Neighbor: neighbor4, MinTX: tx, MinRX: rx} }
	e := newEnd(t, config(20*ms, 100*ms)).up()
	e.s.Change(e.now, config(50*ms, 20*ms), half)
	if e.s.Interval() != 20*ms || e.s.DetectionTime() != 300*ms {
		t.Errorf("not agreed, yet in force: %v, %v", e.s.Interval(), e.s.DetectionTime())
	}
	_, packets := e.until(e.now.Add(20 * ms))
	if p := packets[0]; !p.Poll || p.DesiredMinTX != 50*ms || p.RequiredMinRX != 20*ms {
		t.Errorf("says %+v", p)
	}
	e.s.Change(e.now, config(60*ms, 30*ms), half)
	e.hears(Up, final)
	if e.s.Interval() != 20*ms || !e.s.polling {
		t.Errorf("the answer may be to the first poll: %v, polling %v", e.s.Interval(), e.s.polling)
	}
	e.hears(Up, final)
	if !e.s.polling {
		t.Error("an answer to a poll that was not sent is taken")
	}
	e.until(e.now.Add(20 * ms))
	e.hears(Up, final)
	if e.s.Interval() != 60*ms || e.s.DetectionTime() != 90*ms || e.s.polling {
		t.Errorf("agreed: %v, %v, polling %v", e.s.Interval(), e.s.DetectionTime(), e.s.polling)
	}
	e.s.Change(e.now, config(10*ms, 200*ms), half)
	if e.s.Interval() != 10*ms || e.s.DetectionTime() != 600*ms {
		t.Errorf("what needs no agreement: %v, %v", e.s.Interval(), e.s.DetectionTime())
	}
	e.hears(Down)
	if e.s.polling || e.s.Interval() != time.Second {
		t.Errorf("down: polling %v, %v", e.s.polling, e.s.Interval())
	}
	e.s.Change(e.now, config(5*time.Second, 10*ms), half)
	if e.s.Interval() != 5*time.Second || e.s.polling {
		t.Errorf("while down: %v", e.s.Interval())
	}
}

func TestJitterIsWithinTheBoundsOfTheRFC(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{ms, 3312 * time.Microsecond, time.Second, 4294967295 * time.Microsecond} {
		for _, c := range []struct {
			multiplier int
			most       float64
		}{{1, 0.9}, {2, 1}, {255, 1}} {
			low, high := jitter(every, c.multiplier, 0), jitter(every, c.multiplier, 1<<32-1)
			if f := float64(low) / float64(every); f < 0.7499 || f > 0.7501 {
				t.Errorf("%v, multiplier %d: least %v", every, c.multiplier, low)
			}
			if f := float64(high) / float64(every); f > c.most || f < c.most-0.001 {
				t.Errorf("%v, multiplier %d: most %v", every, c.multiplier, high)
			}
		}
	}
}

func TestAuthenticatedAndFarPacketsDoNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config Config
		ttl    int
		want   Discard
	}{
		{Config{}, 255, Taken}, {Config{}, 254, TooFar}, {Config{}, 0, TooFar},
		{Config{TTL: 64}, 64, Taken}, {Config{TTL: 64}, 255, Taken}, {Config{TTL: 64}, 63, TooFar},
		{Config{MaxHops: 2}, 253, Taken}, {Config{MaxHops: 2}, 252, TooFar}, {Config{MaxHops: 255}, 1, Taken},
		{Config{Multihop: true}, 3, Taken}, {Config{Multihop: true, MaxHops: 3}, 252, Taken}, {Config{Multihop: true, MaxHops: 3}, 251, TooFar},
	} {
		e := newEnd(t, c.config)
		p := Packet{State: Down, Multiplier: 3, MyDiscriminator: his, DesiredMinTX: ms, RequiredMinRX: ms}
		if _, got := e.s.Receive(e.now, p, c.ttl, half); got != c.want {
			t.Errorf("%+v, TTL %d: %s, want %s", c.config, c.ttl, got, c.want)
		}
		p.Authenticated = true
		if out, got := e.s.Receive(e.now, p, 255, half); got != Authenticated || out != (Output{}) {
			t.Errorf("authenticated: %s", got)
		}
	}
	e := newEnd(t, Config{}).up()
	heard := e.s.heard
	e.now = e.now.Add(ms)
	if e.s.Receive(e.now, Packet{State: Down, Multiplier: 9, MyDiscriminator: 9}, 254, half); e.s.heard != heard || e.s.remote != his || e.s.State() != Up {
		t.Error("a far packet has an effect")
	}
}

func TestAdminDownIsSaidThriceToANeighbourThatWasUp(t *testing.T) {
	t.Parallel()
	e := newEnd(t, Config{MinTX: 20 * ms}).up()
	out := e.s.Disable(e.now)
	if p := out.Packet; !out.Send || p.State != AdminDown || p.Diagnostic != AdministrativelyDown || p.DesiredMinTX != time.Second || p.YourDiscriminator != his {
		t.Errorf("says %+v", out)
	}
	if sent, _ := e.until(e.now.Add(time.Minute)); !cmp.Equal(sent, []string{"20.00", "37.50"}) || e.s.Deadline() != Never {
		t.Errorf("repeats at %v", sent)
	}
	if again := e.s.Disable(e.now); again != (Output{}) {
		t.Errorf("again: %+v", again)
	}
	e = newEnd(t, Config{MinTX: 200 * ms}).up()
	if out := e.s.Disable(e.now); !out.Send || e.s.Deadline() != Never {
		t.Errorf("a slow one: %+v", out)
	}
	e = newEnd(t, Config{Passive: true})
	if out := e.s.Disable(e.now); out.Send || e.s.Deadline() != Never {
		t.Errorf("one that was never spoken to: %+v", out)
	}
}
