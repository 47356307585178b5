// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var dawn = time.Unix(1_700_000_000, 0)

// from makes envelopes of n2 to n1.
func from(k kind, life, toLife, sequence, edition uint64, payload string) *envelope {
	e := &envelope{kind: k, from: "n2", to: "n1", incarnation: life, toLife: toLife, sequence: sequence, edition: edition}
	if payload != "" {
		e.payload = []byte(payload)
	}
	return e
}

func TestPeerIsTakenAtItsWordOnlyWhenItSpeaksNow(t *testing.T) {
	t.Parallel()
	here, gone := Presence{"n2", true}, Presence{"n2", false}
	heard := func(life, sequence uint64, payload string) Heard { return Heard{"n2", life, sequence, []byte(payload)} }
	type step struct {
		e    *envelope
		want verdict
	}
	for name, steps := range map[string][]step{
		"it greets, learns who we are, and tells": {
			{from(kindBeat, 5, 0, 1, 0, ""), verdict{reply: sendBeat}},
			{from(kindBeat, 5, 9, 2, 0, ""), verdict{events: []any{here}, reply: sendRecord}},
			{from(kindRecord, 5, 9, 3, 1, "a"), verdict{events: []any{heard(5, 3, "a")}}},
			{from(kindBeat, 5, 9, 4, 1, ""), verdict{events: []any{heard(5, 4, "a")}}},
		},
		"a record that was lost is asked for": {
			{from(kindRecord, 5, 9, 1, 1, "a"), verdict{events: []any{here, heard(5, 1, "a")}, reply: sendRecord}},
			{from(kindBeat, 5, 9, 2, 2, ""), verdict{reply: sendWant}},
			{from(kindRecord, 5, 9, 3, 2, "b"), verdict{events: []any{heard(5, 3, "b")}}},
			{from(kindWant, 5, 9, 4, 2, ""), verdict{reply: sendRecord}},
		},
		"one that was overtaken is no news": {
			{from(kindRecord, 5, 9, 2, 2, "b"), verdict{events: []any{here, heard(5, 2, "b")}, reply: sendRecord}},
			{from(kindRecord, 5, 9, 1, 1, "a"), verdict{}},
			{from(kindRecord, 5, 9, 2, 2, "b"), verdict{why: replayed}},
		},
		"an earlier life is refused": {
			{from(kindRecord, 5, 9, 1, 1, "a"), verdict{events: []any{here, heard(5, 1, "a")}, reply: sendRecord}},
			{from(kindRecord, 4, 9, 99, 99, "z"), verdict{why: replayed}},
			{from(kindMessage, 4, 9, 99, 0, "z"), verdict{why: replayed}},
			{from(kindGoodbye, 4, 9, 99, 0, ""), verdict{why: replayed}},
			{from(kindRecord, 6, 9, 1, 1, "b"), verdict{events: []any{heard(6, 1, "b")}}},
		},
		"what was for an earlier life of ours is refused": {
			{from(kindMessage, 5, 8, 1, 0, "do"), verdict{why: replayed, reply: sendBeat}},
			{from(kindRecord, 5, 8, 2, 1, "a"), verdict{reply: sendBeat}},
			{from(kindGoodbye, 5, 8, 3, 1, ""), verdict{reply: sendBeat}},
			{from(kindBeat, 5, 9, 4, 1, ""), verdict{events: []any{here}, reply: sendRecord | sendWant}},
			{from(kindRecord, 5, 8, 5, 1, "a"), verdict{why: replayed, reply: sendBeat}}, // it knew better by then
		},
		"a goodbye is the last word": {
			{from(kindRecord, 5, 9, 1, 1, "a"), verdict{events: []any{here, heard(5, 1, "a")}, reply: sendRecord}},
			{from(kindGoodbye, 5, 9, 3, 1, ""), verdict{events: []any{gone}}},
			{from(kindRecord, 5, 9, 2, 1, "a"), verdict{}},
			{from(kindGoodbye, 5, 9, 4, 1, ""), verdict{}},
			{from(kindRecord, 6, 9, 1, 1, "b"), verdict{events: []any{here, heard(6, 1, "b")}, reply: sendRecord}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{name: "n2"}
			for i, s := range steps {
				got := p.take(dawn, 9, s.e, s.e.append(nil), false)
				if diff := cmp.Diff(s.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
					t.Fatalf("step %d: %s", i, diff)
				}
			}
		})
	}
}

// One that does not learn who we are is an echo of an earlier time, sooner or later.
func TestEchoesOfAnEarlierLifeAreCounted(t *testing.T) {
	t.Parallel()
	p := &peer{name: "n2"}
	for i := range uint64(20) {
		v := p.take(dawn, 9, from(kindRecord, 5, 8, i+1, 1, "a"), nil, false)
		if (v.why == replayed) != (i >= patience) || len(v.events) > 0 {
			t.Errorf("echo %d: %+v", i, v)
		}
	}
}

func TestPeerIsGoneWhenNobodyHearsIt(t *testing.T) {
	t.Parallel()
	p := &peer{name: "n2", member: true}
	p.take(dawn, 9, from(kindBeat, 5, 9, 1, 0, ""), nil, false)
	if got := p.fade(dawn.Add(time.Hour)); got != nil {
		t.Errorf("memberlist still reaches it: %v", got)
	}
	p.member = false
	if got := p.fade(dawn.Add(silence - 1)); got != nil {
		t.Errorf("it was heard lately: %v", got)
	}
	if diff := cmp.Diff([]any{Presence{"n2", false}}, p.fade(dawn.Add(silence))); diff != "" {
		t.Error(diff)
	}
	if got := p.fade(dawn.Add(time.Hour)); got != nil {
		t.Errorf("told twice: %v", got)
	}
}

func TestHearsayIsTakenOfOneThatIsNotHeard(t *testing.T) {
	t.Parallel()
	p := &peer{name: "n2"}
	pass := func(e *envelope) []any { return p.passed(e, e.append(nil)) }
	if diff := cmp.Diff([]any{Passed{"n2", 5, 7, []byte("b")}}, pass(from(kindRecord, 5, 3, 7, 2, "b"))); diff != "" {
		t.Error(diff)
	}
	for what, e := range map[string]*envelope{"again": from(kindRecord, 5, 3, 7, 2, "b"), "older": from(kindRecord, 5, 3, 6, 1, "a"), "an earlier life": from(kindRecord, 4, 3, 99, 99, "z")} {
		if got := pass(e); got != nil {
			t.Errorf("%s: %v", what, got)
		}
	}
	v := p.take(dawn, 9, from(kindBeat, 5, 9, 8, 2, ""), nil, false) // it lives, and its record is here already
	if diff := cmp.Diff([]any{Presence{"n2", true}, Heard{"n2", 5, 8, []byte("b")}}, v.events); diff != "" {
		t.Error(diff)
	}
	if got := pass(from(kindRecord, 7, 3, 1, 1, "c")); got != nil {
		t.Errorf("others spoke for a node that is heard: %v", got)
	}
}

// Envelopes that are lost, late, doubled, and sent again after a restart of the receiver: each message is told once in all,
// records only become newer, and what a life of the receiver did not cause never counts for it.
func TestPeerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		me, p := uint64(1), &peer{name: "n2"}
		life, sequence, edition := uint64(1), uint64(0), uint64(1)
		var wire []*envelope
		told := map[string]int{}
		var last Heard
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			switch rapid.IntRange(0, 12).Draw(rt, "what") {
			case 0:
				life, sequence, edition = life+1, 0, 1
			case 1:
				me, p, last = me+1, &peer{name: "n2"}, Heard{}
			case 2:
				edition++
			case 3, 4, 5, 6:
				sequence++
				k := rapid.SampledFrom([]kind{kindRecord, kindMessage, kindBeat, kindWant, kindGoodbye}).Draw(rt, "kind")
				payload := ""
				if k == kindRecord {
					payload = fmt.Sprintf("%d/%d", life, edition)
				} else if k == kindMessage {
					payload = fmt.Sprintf("m%d/%d", life, sequence)
				}
				wire = append(wire, from(k, life, rapid.Uint64Range(0, me).Draw(rt, "toLife"), sequence, edition, payload))
			default:
				if len(wire) == 0 {
					continue
				}
				e := wire[rapid.IntRange(max(0, len(wire)-8), len(wire)-1).Draw(rt, "which")]
				if rapid.IntRange(0, 4).Draw(rt, "old") == 0 {
					e = rapid.SampledFrom(wire).Draw(rt, "any")
				}
				v := p.take(dawn, me, e, e.append(nil), false)
				if len(v.events) > 0 && e.toLife != me {
					rt.Fatalf("%+v was believed by life %d", e, me)
				}
				if v.why != fine && len(v.events) > 0 {
					rt.Fatalf("%+v was refused and told", e)
				}
				for _, ev := range v.events {
					switch ev := ev.(type) {
					case Message:
						if told[string(ev.Payload)]++; told[string(ev.Payload)] > 1 {
							rt.Fatalf("%s was told twice", ev.Payload)
						}
					case Heard:
						if !newer(ev.Incarnation, ev.Sequence, last.Incarnation, last.Sequence) {
							rt.Fatalf("%+v after %+v", ev, last)
						}
						if want := fmt.Sprintf("%d/%d", e.incarnation, e.edition); string(ev.Payload) != want {
							rt.Fatalf("heard %s, want %s", ev.Payload, want)
						}
						last = ev
					}
				}
			}
		}
	})
}

func TestWindowTakesEachNumberOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var w window
		taken := map[[2]uint64]bool{}
		newest, highest := uint64(0), uint64(0)
		for range 200 {
			life, n := rapid.Uint64Range(1, 3).Draw(rt, "life"), rapid.Uint64Range(0, 200).Draw(rt, "number")
			got := w.take(life, n)
			k := [2]uint64{life, n}
			switch {
			case got && (taken[k] || life < newest || n == 0):
				rt.Fatalf("%v was taken again, or too late", k)
			case !got && !taken[k] && life >= newest && n > 0 && (life > newest || n+63 >= highest):
				rt.Fatalf("%v was refused; newest %d/%d", k, newest, highest)
			}
			if got {
				taken[k] = true
				if life > newest {
					newest, highest = life, n
				}
				highest = max(highest, n)
			}
		}
	})
}

// A reader that is slow gets the newest of each node, and nobody waits for it.
func TestSlowReaderGetsTheNewest(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for i := range 5000 {
		node := fmt.Sprintf("n%d", i%3)
		q.put(Heard{Node: node, Payload: []byte{byte(i)}})
		q.put(Passed{Node: node, Payload: []byte{byte(i)}})
		q.put(Presence{Node: node, Alive: i < 4998})
		if room := q.put(Message{From: "n1"}); room != (i < messageLimit) {
			t.Fatalf("message %d: room %t", i, room)
		}
	}
	done := make(chan struct{})
	defer close(done)
	go q.run(done)
	alive, count := map[string]bool{}, 0
	for range 9 + messageLimit {
		switch e := (<-q.out).(type) {
		case Presence:
			alive[e.Node] = e.Alive
		case Heard:
			if e.Payload[0] < byte(4997%256) {
				t.Errorf("an old record of %s: %d", e.Node, e.Payload[0])
			}
		}
		count++
	}
	if diff := cmp.Diff(map[string]bool{"n0": false, "n1": false, "n2": true}, alive); diff != "" {
		t.Error(diff)
	}
	select {
	case e := <-q.out:
		t.Errorf("%+v after %d events", e, count)
	default:
	}
}
