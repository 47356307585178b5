// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// delivery is a packet under way.
type delivery struct {
	at    Time
	order int
	to    int
	data  []byte
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].order < d[j].order
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// world is two sessions and a path between them, in virtual time.
type world struct {
	now      Time
	ends     [2]*Session
	sent     [2]int
	flaps    [2]int // changes from up
	delay    time.Duration
	loss     float64 // 0 to 1
	cut      [2]bool // by the sender
	random   *rand.Rand
	underway deliveries
	order    int
}

func newWorld(seed uint64, a, b Config) *world {
	a.Neighbor, b.Neighbor = neighbor4, source4
	w := &world{now: Time(time.Hour), random: rand.New(rand.NewPCG(seed, seed)), delay: ms / 2}
	w.ends = [2]*Session{NewSession(w.now, a, 1), NewSession(w.now, b, 2)}
	return w
}

// act carries out what an end wants.
func (w *world) act(who int, before State, out Output) {
	if out.Changed && before == Up {
		w.flaps[who]++
	}
	if !out.Send {
		return
	}
	w.sent[who]++
	if w.cut[who] || w.random.Float64() < w.loss {
		return
	}
	w.order++
	heap.Push(&w.underway, delivery{w.now.Add(w.delay), w.order, 1 - who, out.Packet.Append(nil)})
}

// run lets time pass until a condition holds, a limit at most; it reports whether it does.
func (w *world) run(limit time.Duration, until func() bool) bool {
	for end := w.now.Add(limit); ; {
		if until != nil && until() {
			return true
		}
		next := min(w.ends[0].Deadline(), w.ends[1].Deadline())
		if len(w.underway) > 0 {
			next = min(next, w.underway[0].at)
		}
		if next > end {
			w.now = end
			return until != nil && until()
		}
		w.now = max(w.now, next)
		if len(w.underway) > 0 && w.underway[0].at <= w.now {
			d := heap.Pop(&w.underway).(delivery)
			s := w.ends[d.to]
			before := s.State()
			if p, discard := Parse(d.data); discard == Taken && (p.YourDiscriminator == 0 || p.YourDiscriminator == s.local) {
				out, _ := s.Receive(w.now, p, 255, w.random.Uint32())
				w.act(d.to, before, out)
			}
			continue
		}
		for who, s := range w.ends {
			if s.Deadline() <= w.now {
				before := s.State()
				w.act(who, before, s.Tick(w.now, w.random.Uint32()))
			}
		}
	}
}

func (w *world) both(s State) func() bool {
	return func() bool { return w.ends[0].State() == s && w.ends[1].State() == s }
}

func (w *world) settled() bool {
	return w.both(Up)() && !w.ends[0].polling && !w.ends[1].polling
}

func TestTwoSessionsComeUpGoDownAndComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(1, Config{Multiplier: 3}, Config{Multiplier: 3, Passive: true})
	if !w.run(3*time.Second, w.settled) {
		t.Fatalf("%s, %s", w.ends[0].State(), w.ends[1].State())
	}
	w.sent = [2]int{}
	w.run(10*time.Second, nil)
	for who, n := range w.sent {
		if n < 1000 || n > 1334 || w.flaps[who] > 0 { // 10 ms less a quarter at most
			t.Errorf("end %d sent %d packets in ten seconds, went down %d times", who, n, w.flaps[who])
		}
	}
	w.cut = [2]bool{true, true}
	begin := w.now
	if !w.run(time.Second, w.both(Down)) || w.now.Sub(begin) > 31*ms || w.ends[0].Diagnostic() != DetectionTimeExpired {
		t.Errorf("cut: down after %v, %s", w.now.Sub(begin), w.ends[0].Diagnostic())
	}
	w.sent = [2]int{}
	w.run(10*time.Second, nil)
	if w.sent[0] < 10 || w.sent[0] > 14 || w.sent[1] > 1 {
		t.Errorf("sent %v packets in ten seconds of silence", w.sent)
	}
	w.cut = [2]bool{}
	if !w.run(2*time.Second, w.settled) {
		t.Errorf("healed: %s, %s", w.ends[0].State(), w.ends[1].State())
	}
	w.cut[0] = true // one direction only: the other end hears, and is told
	begin = w.now
	if !w.run(time.Second, w.both(Down)) || w.now.Sub(begin) > 32*ms || w.ends[0].Diagnostic() != NeighborSignaledDown {
		t.Errorf("cut in one direction: down after %v, %s", w.now.Sub(begin), w.ends[0].Diagnostic())
	}
}

func TestANeighbourThatRestartsIsNoticedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(2, Config{}, Config{})
	w.run(5*time.Second, w.settled)
	w.ends[1] = NewSession(w.now, Config{Neighbor: source4}, 3)
	w.underway = nil
	if !w.run(50*ms, func() bool { return w.ends[0].State() != Up }) {
		t.Fatal("not noticed")
	}
	if !w.run(3*time.Second, w.settled) || w.ends[0].remote != 3 {
		t.Errorf("%s, %s", w.ends[0].State(), w.ends[1].State())
	}
}

// drawConfig draws the times of a session.
func drawConfig(t *rapid.T, who string) Config {
	interval := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1000, 400_000).Draw(t, "microseconds")) * time.Microsecond
	})
	return Config{
		MinTX: interval.Draw(t, who+" tx"), MinRX: interval.Draw(t, who+" rx"), Multiplier: rapid.IntRange(2, 6).Draw(t, who+" multiplier"),
	}
}

// Whatever the times and the loss: once packets arrive again both come up, and once they do not, or only one way, both are down
// within the detection time that each reckons, and agree.
func TestBothEndsAgreeWithinTheDetectionTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawConfig(t, "a"), drawConfig(t, "b")
		a.Passive = rapid.Bool().Draw(t, "a is passive")
		w := newWorld(rapid.Uint64().Draw(t, "seed"), a, b)
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			w.loss = rapid.Float64Range(0, 0.9).Draw(t, "loss")
			w.run(time.Duration(rapid.IntRange(0, 3000).Draw(t, "bad for ms"))*ms, nil)
			w.loss = 0
			// A slow packet from each side, after the longest silence that is still being waited out.
			limit := max(w.ends[0].DetectionTime(), w.ends[1].DetectionTime()) + 8*time.Second
			if !w.run(limit, w.settled) {
				t.Fatalf("not up: %s, %s", w.ends[0].State(), w.ends[1].State())
			}
			w.run(2*time.Second, nil)
			if !w.settled() {
				t.Fatalf("does not stay up: %s, %s", w.ends[0].State(), w.ends[1].State())
			}
			for i, s := range w.ends {
				other := w.ends[1-i]
				if want := time.Duration(other.cfg.Multiplier) * max(other.cfg.MinTX, s.cfg.MinRX); s.DetectionTime() != want {
					t.Fatalf("end %d detects in %v, want %v", i, s.DetectionTime(), want)
				}
			}
			detect := max(w.ends[0].DetectionTime(), w.ends[1].DetectionTime())
			one := rapid.IntRange(0, 2).Draw(t, "who is cut off")
			w.cut = [2]bool{one != 0, one != 1}
			if one == 2 {
				w.cut = [2]bool{true, true}
			} else { // the one that hears nothing finds out, and tells the other
				detect = w.ends[map[bool]int{true: 1, false: 0}[w.cut[0]]].DetectionTime() + w.delay
			}
			notUp := func() bool { return w.ends[0].State() != Up && w.ends[1].State() != Up }
			begin := w.now
			if !w.run(detect+w.delay, notUp) {
				t.Fatalf("%v after the cut of %v: %s, %s", w.now.Sub(begin), w.cut, w.ends[0].State(), w.ends[1].State())
			}
			w.cut = [2]bool{}
		}
	})
}

// A quarter of the packets lost is nothing to a multiplier of ten.
func TestLossIsToleratedUpToTheMultiplier(t *testing.T) {
	t.Parallel()
	w := newWorld(3, Config{Multiplier: 10}, Config{Multiplier: 10})
	w.run(5*time.Second, w.settled)
	w.loss = 0.25
	w.run(time.Minute, nil)
	if w.flaps != [2]int{} {
		t.Errorf("went down %v times", w.flaps)
	}
}

// While times are changed on the run, with packets lost, no end goes down.
func TestChangingTimesInterruptsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(t, "seed"), drawConfig(t, "a"), drawConfig(t, "b"))
		if !w.run(12*time.Second, w.settled) {
			t.Fatal("not up")
		}
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			c := drawConfig(t, "new")
			c.Neighbor = w.ends[who].cfg.Neighbor
			w.ends[who].Change(w.now, c, w.random.Uint32())
			w.run(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause in ms"))*ms, nil)
		}
		if !w.run(12*time.Second, w.settled) || w.flaps != [2]int{} {
			t.Fatalf("%s, %s, went down %v times", w.ends[0].State(), w.ends[1].State(), w.flaps)
		}
	})
}
