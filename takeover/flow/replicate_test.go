// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// However messages are lost, repeated and overtaken, once they arrive again the mirror is what the table is.
func TestMirrorBecomesTheTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := &Table{}
		s, err := NewSource("orders", 1, table)
		if err != nil {
			t.Fatal(err)
		}
		s.chunk = rapid.SampledFrom([]int{150, 500, MessageLimit}).Draw(t, "chunk")
		names := []string{"n2", "n3"}
		s.SetPeers(names)
		mirrors := map[string]*Mirror{}
		for _, name := range names {
			mirrors[name] = NewMirror(MirrorOptions{})
			mirrors[name].Allow(map[string][]netip.Addr{"orders": ours})
		}
		type letter struct {
			to      string
			message []byte
		}
		var way []letter
		now := time.Duration(0)
		budget := NewBudget(rapid.SampledFrom([]int{300, 3 << 10, 1 << 30}).Draw(t, "rate"), 500)
		carry := func(l letter) {
			if peer, ok := strings.CutPrefix(l.to, "n1 from "); ok {
				if err := s.Receive(peer, l.message); err != nil {
					t.Fatal(err)
				}
				return
			}
			reply, err := mirrors[l.to].Receive(now, "n1", l.message)
			if err != nil {
				t.Fatal(err)
			}
			if reply != nil {
				way = append(way, letter{"n1 from " + l.to, reply})
			}
		}
		var sample []Flow
		change := func() {
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				i := rapid.IntRange(0, 40).Draw(t, "connection") * rapid.SampledFrom([]int{1, 1, 5}).Draw(t, "crowd")
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					sample = clients(i, 1)
				case 1:
					sample = slices.DeleteFunc(sample, func(f Flow) bool { return f.Remote == client(i).Remote })
				default:
					if len(sample) > 0 {
						f := &sample[i%len(sample)]
						f.Exact, f.Send, f.Receive = true, f.Send+3, f.Receive+5
					}
				}
			}
		}
		for range rapid.IntRange(0, 25).Draw(t, "rounds") {
			now += rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second}).Draw(t, "pause")
			change()
			table.Set(now, sample)
			s.Next(now, budget, func(to string, m []byte) bool {
				if rapid.IntRange(0, 9).Draw(t, "full") == 0 {
					return false
				}
				way = append(way, letter{to, m})
				return true
			})
			for range rapid.IntRange(0, 2*len(way)).Draw(t, "carried") {
				if len(way) == 0 {
					break
				}
				i := rapid.IntRange(0, len(way)-1).Draw(t, "which")
				l := way[i]
				if rapid.IntRange(0, 3).Draw(t, "repeated") > 0 {
					way = slices.Delete(way, i, i+1)
				}
				if rapid.IntRange(0, 3).Draw(t, "lost") > 0 {
					carry(l)
				}
			}
		}
		// Old messages still come, in any order, and from now on nothing is lost.
		budget = NewBudget(1<<30, 1<<30)
		for range 40 {
			now += time.Second
			table.Set(now, sample)
			for len(way) > 0 {
				l := way[0]
				way = way[1:]
				carry(l)
			}
			s.Next(now, budget, func(to string, m []byte) bool {
				way = append(way, letter{to, m})
				return true
			})
		}
		for _, name := range names {
			if diff := same(table.All(), mirrors[name].Flows("orders").All()); diff != "" {
				t.Fatalf("%s (-table +mirror):\n%s", name, diff)
			}
			if st := mirrors[name].State("orders"); !st.Complete || st.Flows != table.Len() || st.Teller != "n1" {
				t.Fatalf("%s: %+v, table has %d", name, st, table.Len())
			}
		}
		if diff := same(slices.Values(sample), table.All()); diff != "" {
			t.Fatalf("(-sample +table):\n%s", diff)
		}
	})
}

func TestSilenceCostsNothing(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	flows := clients(20_000, 2)
	table.Set(0, flows)
	n, size := pump(t, 0, s, m)
	if per := float64(size) / 20_000; per > 21 {
		t.Errorf("%d messages with %.1f bytes for an IPv4 connection", n, per)
	}
	total := 0
	for i := 1; i <= 60; i++ {
		now := time.Duration(i) * second
		table.Set(now, flows)
		_, size := pump(t, now, s, m)
		total += size
	}
	if total > 500 {
		t.Errorf("a minute without news: %d bytes", total)
	}
	if st := m.State("orders"); st.Heard < 50*second {
		t.Errorf("confirmed at %s", st.Heard)
	}
}

func TestBusyConnectionsAreToldSeldom(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	flows := clients(1000, 2)
	total := 0
	for i := range 61 {
		now := time.Duration(i) * second
		for j := range flows {
			flows[j].Send += 1000
		}
		table.Set(now, flows)
		_, size := pump(t, now, s, m)
		if i > 0 {
			total += size
		}
	}
	if total < 5*19*1000 || total > 7*21*1000 {
		t.Errorf("1,000 busy connections cost %d bytes in a minute, want six times 19 each", total)
	}
	pump(t, 61*second, s, m)
	table.Set(61*second, flows)
	table.Set(62*second, flows)
	pump(t, 62*second, s, m)
	if diff := same(slices.Values(flows), m.Flows("orders").All()); diff != "" {
		t.Errorf("silent ones are exact (-want +got):\n%s", diff)
	}
}

// A part that is lost is asked for, and not all that came before it again.
func TestLostPartIsAskedFor(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(20_000, 2))
	sent := 0
	budget := NewBudget(1<<30, 1<<30)
	var asks [][]byte
	for i, now := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond} {
		s.Next(now, budget, func(_ string, b []byte) bool {
			sent++
			if i == 0 && sent == 3 {
				return true // lost
			}
			reply, err := m.Receive(now, "n1", b)
			if err != nil {
				t.Fatal(err)
			}
			if reply != nil {
				asks = append(asks, reply)
			}
			return true
		})
		if i == 0 {
			if m.State("orders").Complete {
				t.Error("complete without the third part")
			}
			if len(asks) != 1 {
				t.Fatalf("%d asks within a second, want 1", len(asks))
			}
			if err := s.Receive("n2", asks[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := same(table.All(), m.Flows("orders").All()); diff != "" {
		t.Errorf("(-table +mirror):\n%s", diff)
	}
	if all := 20_000*19/MessageLimit + 1; sent != 2*all-2 {
		t.Errorf("%d messages, want %d and all but two once more", sent, all)
	}
}

func TestBudgetBoundsBytes(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(100_000, 2))
	const rate, burst = 500_000, 200_000
	budget := NewBudget(rate, burst)
	sent := 0
	for now := time.Duration(0); now < 10*second; {
		again := s.Next(now, budget, func(_ string, b []byte) bool {
			sent += len(b)
			_, err := m.Receive(now, "n1", b)
			return err == nil
		})
		if limit := burst + MessageLimit + int(now.Seconds()*rate); sent > limit {
			t.Fatalf("%d bytes by %s, at most %d are allowed", sent, now, limit)
		}
		if m.State("orders").Complete {
			if now < 3*second || now > 4*second {
				t.Errorf("1.9 MB at 0.5 MB/s told in %s", now)
			}
			return
		}
		if again <= now {
			t.Fatalf("called at %s, wants to be called at %s", now, again)
		}
		now = again
	}
	t.Error("not told within 10 s")
}

func TestNewestPerformerCounts(t *testing.T) {
	t.Parallel()
	m := NewMirror(MirrorOptions{})
	m.Allow(map[string][]netip.Addr{"orders": ours})
	say := func(node string, epoch uint64, flows []Flow) {
		t.Helper()
		table := &Table{}
		s, err := NewSource("orders", epoch, table)
		if err != nil {
			t.Fatal(err)
		}
		s.SetPeers([]string{"n9"})
		table.Set(0, flows)
		s.Next(0, NewBudget(0, 0), func(_ string, b []byte) bool {
			if _, err := m.Receive(0, node, b); err != nil {
				t.Fatal(err)
			}
			return true
		})
	}
	for _, step := range []struct {
		node  string
		epoch uint64
		flows int
		want  int
	}{{"n1", 5, 10, 10}, {"n2", 4, 3, 10}, {"n0", 5, 3, 10}, {"n2", 5, 4, 4}, {"n1", 6, 7, 7}, {"n1", 7, 0, 0}} {
		say(step.node, step.epoch, clients(step.flows, 1))
		if got := m.Flows("orders").Len(); got != step.want {
			t.Errorf("after %s in epoch %d: %d connections, want %d", step.node, step.epoch, got, step.want)
		}
	}
	m.Drop("orders")
	say("n2", 3, clients(5, 1))
	if got := m.Len(); got != 0 {
		t.Errorf("a word from before the last epoch fills the dropped list: %d", got)
	}
}

// A performer that restarts tells everything again; until that is complete, what it told before is better than nothing.
func TestRestartedPerformerReplacesAtTheEnd(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(10_000, 2))
	pump(t, 0, s, m)
	again := &Table{}
	s2, err := NewSource("orders", 2, again)
	if err != nil {
		t.Fatal(err)
	}
	s2.SetPeers([]string{"n2"})
	again.Set(0, clients(20_000, 2)[9000:])
	parts := 0
	s2.Next(0, NewBudget(1<<30, 1<<30), func(_ string, b []byte) bool {
		if _, err := m.Receive(0, "n1", b); err != nil {
			t.Fatal(err)
		}
		if parts++; parts == 1 && m.Len() < 10_000 {
			t.Errorf("%d connections after the first part", m.Len())
		}
		return true
	})
	if diff := same(again.All(), m.Flows("orders").All()); diff != "" || parts < 2 {
		t.Errorf("after %d parts (-want +got):\n%s", parts, diff)
	}
}

func TestMirrorExpires(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(10, 1))
	pump(t, 100*second, s, m)
	if got := m.Expire(100*second + DefaultMaxAge - 1); got != nil || m.Len() != 10 {
		t.Errorf("dropped %v too early", got)
	}
	if got := m.Expire(100*second + DefaultMaxAge); !cmp.Equal(got, []string{"orders"}) || m.Len() != 0 {
		t.Errorf("dropped %v, %d connections are left", got, m.Len())
	}
	pump(t, 200*second+DefaultMaxAge, s, m) // a confirmation, to which the mirror answers with an ask
	pump(t, 203*second+DefaultMaxAge, s, m)
	if m.Len() != 10 {
		t.Errorf("%d connections after the performer was heard again", m.Len())
	}
}

func TestMirrorRefusesOthersAddresses(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(10, 1))
	var first []byte
	s.Next(0, NewBudget(0, 0), func(_ string, b []byte) bool {
		first = b
		return true
	})
	for name, allow := range map[string]map[string][]netip.Addr{
		"one address less": {"orders": {service4}}, "no such service": {"stock": ours}, "nothing": nil,
	} {
		m.Allow(allow)
		if _, err := m.Receive(0, "n1", first); err == nil || m.Len() != 0 {
			t.Errorf("%s: %v, %d connections", name, err, m.Len())
		}
	}
	m.Allow(map[string][]netip.Addr{"orders": ours})
	if _, err := m.Receive(0, "n1", first); err != nil || m.Len() != 10 {
		t.Errorf("%v, %d connections", err, m.Len())
	}
	m.Allow(map[string][]netip.Addr{"orders": {service4}})
	if m.Len() != 0 {
		t.Errorf("%d connections after an address was taken away", m.Len())
	}
}

func TestMirrorKeepsItsLimits(t *testing.T) {
	t.Parallel()
	m := NewMirror(MirrorOptions{PerService: 60, Total: 100})
	m.Allow(map[string][]netip.Addr{"a": ours, "b": ours})
	tables := map[string]*Table{}
	sources := map[string]*Source{}
	for i, name := range []string{"a", "b"} {
		tables[name] = &Table{}
		s, err := NewSource(name, 1, tables[name])
		if err != nil {
			t.Fatal(err)
		}
		s.SetPeers([]string{"n2"})
		sources[name] = s
		tables[name].Set(0, clients(80, 1))
		pump(t, 0, s, m)
		if st, want := m.State(name), []int{60, 40}[i]; st.Flows != want || st.LeftOut != 80-want {
			t.Errorf("%s: %d connections, %d left out; want %d and %d", name, st.Flows, st.LeftOut, want, 80-want)
		}
	}
	// There is room again: what was left out is asked for.
	tables["a"].Set(second, nil)
	pump(t, second, sources["a"], m)
	for i := range 4 {
		now := time.Duration(61+i*10) * second
		tables["b"].Set(now, clients(80, 1))
		pump(t, now, sources["b"], m)
	}
	if st := m.State("b"); st.Flows != 60 || st.LeftOut != 20 {
		t.Errorf("b: %d connections, %d left out; want 60 and 20", st.Flows, st.LeftOut)
	}
}

func TestPeerThatCannotBeToldIsTriedAgain(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(10, 1))
	tries := 0
	again := s.Next(0, NewBudget(0, 0), func(string, []byte) bool { tries++; return false })
	if tries != 1 || again != retell {
		t.Errorf("tried %d times, next at %s", tries, again)
	}
	pump(t, again, s, m)
	if m.Len() != 10 {
		t.Errorf("%d connections", m.Len())
	}
}

// BenchmarkReplicate tells 100,000 connections to one peer, whole, and then a second in which a hundredth changes.
func BenchmarkReplicate(b *testing.B) {
	const n = 100_000
	for _, what := range []string{"whole", "1 % changes"} {
		b.Run(fmt.Sprintf("100000 %s", what), func(b *testing.B) {
			table, s, m := told(b)
			all := clients(2*n, 2)
			table.Set(0, all[:n])
			now, from, size := time.Duration(0), 0, 0
			if what != "whole" {
				pump(b, now, s, m)
			}
			for b.Loop() {
				b.StopTimer()
				if what == "whole" {
					s.Renew("n2")
					m.Drop("orders")
				} else {
					now, from = now+second, (from+n/100)%n
					table.Set(now, all[from:from+n])
				}
				b.StartTimer()
				_, bytes := pump(b, now, s, m)
				size += bytes
			}
			b.ReportMetric(float64(size)/float64(b.N), "B/op-wire")
			b.ReportMetric(float64(m.State("orders").Bytes)/float64(m.Len()), "mirror-B/flow")
		})
	}
}

// BenchmarkFlows copies the connections of a service out of a Mirror.
func BenchmarkFlows(b *testing.B) {
	table, s, m := told(b)
	table.Set(0, clients(100_000, 2))
	pump(b, 0, s, m)
	for b.Loop() {
		if m.Flows("orders").Len() != 100_000 {
			b.Fatal("not all")
		}
	}
}

// While a walk over the table goes on, most connections end, the rest get other places, and ends are forgotten.
func TestTableIsPackedDuringAWalk(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	flows := clients(200_000, 1)
	table.Set(0, flows)
	budget := NewBudget(200_000, 100_000)
	now := time.Duration(0)
	tell := func(_ string, b []byte) bool {
		if _, err := m.Receive(now, "n1", b); err != nil {
			t.Fatal(err)
		}
		return true
	}
	s.Next(now, budget, tell)
	layout := table.layout
	for i := range 12 { // too many ends to remember them
		now += 100 * time.Millisecond
		table.Set(now, flows[i*12_000:(i+1)*12_000])
		s.Next(now, budget, tell)
	}
	if table.layout == layout || table.floor == 0 {
		t.Fatalf("packed up to generation %d, forgotten up to %d: the test tests nothing", table.layout, table.floor)
	}
	now += time.Second
	table.Set(now, flows[:500])
	pump(t, now, s, m)
	if diff := same(table.All(), m.Flows("orders").All()); diff != "" {
		t.Errorf("(-table +mirror):\n%s", diff)
	}
}

// slowly tells a peer one part each ten seconds and returns how often it began at the beginning.
func slowly(t *testing.T, s *Source, m *Mirror, from, to time.Duration, each func(now time.Duration)) (beginnings int) {
	t.Helper()
	budget := NewBudget(MessageLimit/10, 1)
	for now := from; now < to; now += second {
		each(now)
		s.Next(now, budget, func(_ string, b []byte) bool {
			if u, err := decodeUpdate(b); err != nil {
				t.Fatal(err)
			} else if u.base == 0 && u.from == 0 {
				beginnings++
			}
			if _, err := m.Receive(now, "n1", b); err != nil {
				t.Fatal(err)
			}
			return true
		})
	}
	return beginnings
}

// Connections end while a peer is told slowly: their ends are remembered for it.
func TestSlowWalkIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	flows := clients(20_000, 2)
	n := slowly(t, s, m, 0, 100*second, func(now time.Duration) {
		flows = flows[1:]
		table.Set(now, flows)
	})
	if n != 1 {
		t.Errorf("begun %d times", n)
	}
	table.Set(101*second, flows)
	pump(t, 101*second, s, m)
	if diff := same(slices.Values(flows), m.Flows("orders").All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The table is packed, and nothing that the peer needs is forgotten: the walk must not go on at a place that now means
// something else.
func TestSlowWalkSurvivesOtherPlaces(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	flows := clients(20_000, 2)
	table.Set(0, flows)
	flows = flows[15_500:]
	table.Set(second, flows)
	layout := table.layout
	slowly(t, s, m, 10*second, 60*second, func(now time.Duration) { table.Set(now, flows) })
	if table.layout == layout {
		t.Fatal("the table was not packed: the test tests nothing")
	}
	if diff := same(slices.Values(flows), m.Flows("orders").All()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An ask for what a source never told begins everything anew; one of a stranger does nothing.
func TestAsksThatCannotBe(t *testing.T) {
	t.Parallel()
	table, s, m := told(t)
	table.Set(0, clients(10, 1))
	pump(t, 0, s, m)
	for what, a := range map[string]ask{
		"another epoch":        {header: header{KindAsk, "orders", 2}, base: 1},
		"a later generation":   {header: header{KindAsk, "orders", 1}, base: 7},
		"a walk still to come": {header: header{KindAsk, "orders", 1}, base: 1, target: 9, place: 4},
	} {
		if err := s.Receive("n2", a.encode()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var u update
		s.Next(0, NewBudget(0, 0), func(_ string, b []byte) (sent bool) {
			var err error
			if u, err = decodeUpdate(b); err != nil {
				t.Fatal(err)
			}
			return true
		})
		if u.base != 0 || u.count != 10 || !u.last {
			t.Errorf("%s: told %+v, want all 10 connections", what, u)
		}
	}
	for what, err := range map[string]error{
		"a stranger":   s.Receive("n3", (&ask{header: header{KindAsk, "orders", 1}}).encode()),
		"of another":   s.Receive("n2", (&ask{header: header{KindAsk, "stock", 1}}).encode()),
		"no ask":       s.Receive("n2", []byte("hello")),
		"an ask cut":   s.Receive("n2", (&ask{header: header{KindAsk, "orders", 1}}).encode()[:12]),
		"no such name": func() error { _, err := NewSource("", 1, &Table{}); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
