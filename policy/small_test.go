// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMeterTurnsOnlyWhenAMarkHasHeld(t *testing.T) {
	t.Parallel()
	m := NewMeter([]Limit{{"load", 2, 1}, {"psi_io", 60, 40}}, 3*time.Second)
	nan := math.NaN()
	for i, s := range []struct {
		load, io   float64
		overloaded bool
		changed    bool
	}{
		{1, 0, false, false}, {2, 0, false, false}, {1.9, 0, false, false}, // a peak
		{2, 0, false, false}, {3, 0, false, false}, {2, nan, false, false}, {2.5, 0, true, true}, // held for 3 s
		{1.5, 0, true, false}, {0.5, 50, true, false}, // not all are low
		{1, 40, true, false}, {0, nan, true, false}, {1, 0, true, false}, {0, 0, false, true}, // low for 3 s
		{nan, nan, false, false}, {0, 60, false, false}, {0, 70, false, false}, {0, 80, false, false}, {0, 90, true, true},
		{0, 0, true, false}, {0, 0, true, false}, {0, 0, true, false}, {0, nan, true, false}, {0, 0, false, true}, // not while one is not measured
	} {
		overloaded, changed, why := m.Sample(time.Duration(i)*time.Second, []float64{s.load, s.io})
		if overloaded != s.overloaded || changed != s.changed || changed == (why == "") {
			t.Errorf("second %d: overloaded %t changed %t %q, want %t %t", i, overloaded, changed, why, s.overloaded, s.changed)
		}
	}
}

func TestMeterWithOneMarkDoesNotTurnTwiceAtOnce(t *testing.T) {
	t.Parallel()
	m := NewMeter([]Limit{{"load", 2, 2}}, 0)
	for i, c := range []struct {
		value               float64
		overloaded, changed bool
	}{{1, false, false}, {2, true, true}, {2, true, false}, {1.9, false, true}, {2, true, true}} {
		if overloaded, changed, _ := m.Sample(time.Duration(i), []float64{c.value}); overloaded != c.overloaded || changed != c.changed {
			t.Errorf("sample %d: overloaded %t changed %t", i, overloaded, changed)
		}
	}
}

func TestRecordsThatOthersWouldRefuseAreNotSent(t *testing.T) {
	t.Parallel()
	standbys := make([]string, nodeLimit)
	for i := range standbys {
		standbys[i] = strings.Repeat("x", nameLimit)
	}
	large := Record{Node: "a"}
	for i := range 8 {
		large.Services = append(large.Services, Standing{Service: string(rune('a' + i)), State: "backup", Duty: None,
			Terms: &Terms{Epoch: 1, Node: "a", Takeover: Allow, Standbys: standbys}})
	}
	for name, r := range map[string]Record{
		"no node":       {},
		"infinite load": {Node: "a", Load: math.Inf(1)},
		"no state":      {Node: "a", Services: []Standing{{Service: "b"}}},
		"too long":      large,
	} {
		if b, err := AppendRecord([]byte("kept"), &r); err == nil || string(b) != "kept" {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

func TestNewerTermsAndMarksWinByEpochThenName(t *testing.T) {
	t.Parallel()
	a, b, c := &Terms{Epoch: 1, Node: "b"}, &Terms{Epoch: 2, Node: "a"}, &Terms{Epoch: 2, Node: "b"}
	for _, p := range [][3]*Terms{{nil, nil, nil}, {a, nil, a}, {nil, a, a}, {a, b, b}, {c, b, c}, {b, c, c}} {
		if got := NewerTerms(p[0], p[1]); got != p[2] {
			t.Errorf("of %v and %v: %v", p[0], p[1], got)
		}
	}
	x, y := &Mark{Epoch: 3, Node: "a"}, &Mark{Epoch: 3, Node: "b"}
	if NewerMark(x, y) != y || NewerMark(y, x) != y || NewerMark(x, nil) != x || NewerMark(nil, x) != x {
		t.Error("marks differ in who wins")
	}
}

func TestRecordSurvivesTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := anyView(rt).Sights[0].Record
		b, err := AppendRecord(nil, &r)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := ParseRecord(b)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestRecordsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":              `x`,
		"no node":              `{}`,
		"long node":            `{"node":"` + strings.Repeat("x", 256) + `"}`,
		"negative load":        `{"node":"a","load":-1}`,
		"unsorted":             `{"node":"a","services":[{"service":"b","state":"backup","duty":"none"},{"service":"a","state":"backup","duty":"none"}]}`,
		"twice":                `{"node":"a","services":[{"service":"b","state":"backup","duty":"none"},{"service":"b","state":"backup","duty":"none"}]}`,
		"unknown state":        `{"node":"a","services":[{"service":"b","state":"master","duty":"none"}]}`,
		"unknown duty":         `{"node":"a","services":[{"service":"b","state":"backup","duty":"rule"}]}`,
		"negative failures":    `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","failures":-1}]}`,
		"terms of nobody":      `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","terms":{"epoch":1,"takeover":"allow"}}]}`,
		"unknown takeover":     `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","terms":{"epoch":1,"node":"a","takeover":"maybe"}}]}`,
		"epoch 0":              `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","mark":{"epoch":0,"node":"a"}}]}`,
		"the last epoch":       `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","mark":{"epoch":18446744073709551615,"node":"a","forbid":true}}]}`,
		"instructed by nobody": `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","ward":{"epoch":1}}]}`,
		"name of two lines":    `{"node":"a\nb"}`,
		"name with an escape":  `{"node":"a\u001b[2J"}`,
		"nameless standby":     `{"node":"a","services":[{"service":"b","state":"backup","duty":"none","terms":{"epoch":1,"node":"a","takeover":"allow","standbys":[""]}}]}`,
		"long digest":          `{"node":"a","digest":"` + strings.Repeat("x", 256) + `"}`,
		"too many services":    `{"node":"a","services":[` + strings.Repeat(`{},`, serviceLimit) + `{}]}`,
		"too long":             `{"node":"a","digest":"` + strings.Repeat("x", RecordLimit) + `"}`,
	} {
		if r, err := ParseRecord([]byte(text)); err == nil {
			t.Errorf("%s: taken as %+v", name, r)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"node":"a","load":0.5,"services":[{"service":"b","state":"active","duty":"serve","performs":true,"terms":{"epoch":1,"node":"a","takeover":"allow","standbys":["c"],"file":"x"},"mark":{"epoch":2,"node":"a","forbid":true,"group":"a"},"ward":{"epoch":3,"by":"c"}}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			return
		}
		again, err := AppendRecord(nil, &r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRecord(again); err != nil {
			t.Errorf("what was taken is refused when it is sent on: %v\n%s", err, again)
		}
		// Whatever a record says, deciding by it does not fail.
		v := three().view()
		v.Sights[0].Record = r
		v.Changed()
		for i := range v.Cluster.Nodes {
			Decide(v, 0, i)
		}
		Forecast(v)
	})
}

func TestSupposeChangesACopy(t *testing.T) {
	t.Parallel()
	v := three().view()
	for what, want := range map[string]string{"down": "db2 db3", "overloaded": "db1 db2 db3", "drained": "db2 db3"} {
		w, err := Suppose(v, 0, what)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(decide(w, "orders", "db2").Candidates, " "); got != want {
			t.Errorf("db1 %s: candidates %q, want %q", what, got, want)
		}
	}
	if got := strings.Join(decide(v, "orders", "db2").Candidates, " "); got != "db1 db2 db3" {
		t.Errorf("the view itself changed: %q", got)
	}
	if _, err := Suppose(v, 0, "on fire"); err == nil {
		t.Error("anything can be supposed")
	}
}

func TestByHand(t *testing.T) {
	t.Parallel()
	good, bad, open := HandCheck{OK: true, Known: true}, HandCheck{Known: true, Detail: "no answer"}, HandCheck{}
	weigh := func(c HandCheck, w int) HandCheck { c.Weight = w; return c }
	for _, c := range []struct {
		name                   string
		h                      Hand
		priority, preemptBelow uint8
		duty                   Duty
	}{
		{"plain", Hand{Priority: 100, Preempt: true}, 100, 255, Serve},
		{"without pre-emption: only of a faulty one", Hand{Priority: 100}, 100, 2, Serve},
		{"refuses", Hand{Priority: 100, Refuse: true}, 100, 2, Refuse},
		{"good check", Hand{Priority: 100, Checks: []HandCheck{good}}, 100, 2, Serve},
		{"check that has not run", Hand{Priority: 100, Checks: []HandCheck{open, weigh(open, 20), weigh(open, -20)}}, 120, 2, Serve},
		{"fault", Hand{Priority: 100, Preempt: true, Checks: []HandCheck{bad}}, 1, 0, Refuse},
		{"fault of an address owner", Hand{Priority: 255, Checks: []HandCheck{bad}}, 1, 0, Refuse},
		{"positive weight, good", Hand{Priority: 100, Checks: []HandCheck{weigh(good, 20)}}, 120, 2, Serve},
		{"positive weight, bad", Hand{Priority: 100, Checks: []HandCheck{weigh(bad, 20)}}, 100, 2, Serve},
		{"negative weight, bad", Hand{Priority: 100, Checks: []HandCheck{weigh(bad, -20)}}, 80, 2, Serve},
		{"negative weight, good", Hand{Priority: 100, Checks: []HandCheck{weigh(good, -20)}}, 100, 2, Serve},
		{"not above 254", Hand{Priority: 250, Checks: []HandCheck{weigh(good, 200)}}, 254, 2, Serve},
		{"not below 1", Hand{Priority: 10, Checks: []HandCheck{weigh(bad, -200)}}, 1, 2, Serve},
		{"an address owner keeps 255", Hand{Priority: 255, Checks: []HandCheck{weigh(bad, -20)}}, 255, 2, Serve},
	} {
		d := ByHand(c.h)
		if !d.Takes || d.Priority != c.priority || d.PreemptBelow != c.preemptBelow || d.Duty != c.duty {
			t.Errorf("%s: priority %d, preempts below %d, duty %s; want %d %d %s", c.name, d.Priority, d.PreemptBelow, d.Duty, c.priority, c.preemptBelow, c.duty)
		}
	}
}

func TestReasonsOfAPriorityByHand(t *testing.T) {
	t.Parallel()
	checks := []HandCheck{{OK: true, Known: true, Weight: 20, Detail: "tcp/80 answers"}, {Known: true, Weight: -30, Detail: "eth1 is down"}}
	for _, c := range []struct {
		h    Hand
		want string
	}{
		{Hand{Priority: 100, Checks: checks}, "priority by hand; +20: tcp/80 answers; -30: eth1 is down"},
		{Hand{Priority: 255, Checks: checks}, "priority by hand"},
		{Hand{Priority: 100, Refuse: true}, "refuses, by the file"},
		{Hand{Priority: 100, Checks: []HandCheck{{Known: true, Detail: "eth1 is down"}}}, "fault: eth1 is down"},
	} {
		if got := strings.Join(ByHand(c.h).Reasons, "; "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
