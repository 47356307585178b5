// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	keyA = []byte("0123456789abcdef")
	keyB = []byte("fedcba9876543210")
)

// fabric is some nodes on loopback addresses of their own, all on one free port.
type fabric struct {
	t    *testing.T
	port uint16
	at   map[string]netip.AddrPort
}

// newFabric finds a port that is free on all addresses. block keeps tests that run side by side apart.
func newFabric(t *testing.T, block byte, nodes int) *fabric {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.7.%d.1:0", block))
		if err != nil {
			t.Fatal(err)
		}
		f := &fabric{t: t, port: netip.MustParseAddrPort(l.Addr().String()).Port(), at: map[string]netip.AddrPort{}}
		l.Close()
		free := true
		for i := 1; i <= nodes; i++ {
			a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 7, block, byte(i)}), f.port)
			f.at[fmt.Sprintf("n%d", i)] = a
			c, err := net.ListenPacket("udp", a.String())
			if err != nil {
				free = false
				continue
			}
			c.Close()
		}
		if free {
			return f
		}
	}
	t.Fatal("no free port")
	return nil
}

// member is a node with what it has heard.
type member struct {
	*Cluster
	t       *testing.T
	name    string
	heard   map[string]string // the last record of each node
	alive   map[string]bool
	said    []string
	records int
}

// open opens a node.
func (f *fabric) open(name string, incarnation uint64, keys ...[]byte) *member {
	f.t.Helper()
	if len(keys) == 0 {
		keys = [][]byte{keyA}
	}
	peers := map[string]netip.AddrPort{}
	for n, a := range f.at {
		if n != name {
			peers[n] = a
		}
	}
	c, err := Open(Options{Name: "shop", Node: name, Keys: keys, Address: f.at[name].Addr(), Port: f.port, Peers: peers, Incarnation: incarnation})
	if err != nil {
		f.t.Fatal(err)
	}
	m := &member{Cluster: c, t: f.t, name: name, heard: map[string]string{}, alive: map[string]bool{}}
	f.t.Cleanup(func() { c.Close() }) //nolint:errcheck // it may be closed already
	c.Publish([]byte(fmt.Sprintf("%s/%d", name, incarnation)))
	return m
}

// until takes in events until something holds.
func (m *member) until(what string, ok func() bool) {
	m.t.Helper()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case e, open := <-m.Events():
			if !open {
				m.t.Fatalf("%s: closed before %s", m.name, what)
			}
			m.take(e)
		case <-limit:
			m.t.Fatalf("%s: not %s within 20 s; alive %v, heard %v, said %q, %+v", m.name, what, m.alive, m.heard, m.said, m.Stats())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *member) take(e any) {
	switch e := e.(type) {
	case Presence:
		m.alive[e.Node] = e.Alive
	case Heard:
		m.heard[e.Node] = string(e.Payload)
		m.records++
	case Message:
		m.said = append(m.said, e.From+": "+string(e.Payload))
	}
}

// during takes in events for a while.
func (m *member) during(d time.Duration) {
	end := time.After(d)
	for {
		select {
		case e := <-m.Events():
			m.take(e)
		case <-end:
			return
		}
	}
}

func TestNodesHearEachOthersRecordsAndMessages(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 1, 5)
	var all []*member
	for i := 1; i <= 5; i++ {
		all = append(all, f.open(fmt.Sprintf("n%d", i), 7))
	}
	for _, m := range all {
		m.until("hearing all", func() bool { return len(m.heard) == 4 })
		if m.heard["n1"] != "n1/7" && m.name != "n1" {
			t.Errorf("%s heard %q of n1", m.name, m.heard["n1"])
		}
	}
	all[0].Publish([]byte("changed"))
	changed := time.Now()
	for _, m := range all[1:] {
		m.until("hearing the change", func() bool { return m.heard["n1"] == "changed" })
	}
	if took := time.Since(changed); took > 500*time.Millisecond {
		t.Logf("a change took %s", took)
	}
	if err := all[1].Send("n3", []byte("do it")); err != nil {
		t.Fatal(err)
	}
	all[2].until("hearing a message", func() bool { return len(all[2].said) == 1 && all[2].said[0] == "n2: do it" })
	long := strings.Repeat("x", 100_000)
	all[4].Publish([]byte(long))
	all[0].until("hearing a record that fits no datagram", func() bool { return all[0].heard["n5"] == long })
	if err := all[0].Send("nobody", nil); err == nil {
		t.Error("a message to nobody was sent")
	}
}

func TestLoneNodeIsANormalState(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 2, 3)
	m := f.open("n1", 1)
	m.during(3 * time.Second)
	if len(m.heard)+len(m.alive) != 0 || m.Stats() != (Stats{}) {
		t.Errorf("heard %v, alive %v, refused %+v", m.heard, m.alive, m.Stats())
	}
	began := time.Now()
	if err := m.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("closed after %s: %v", time.Since(began), err)
	}
}

func TestDeadNodeIsNoticedAndOneThatReturnsIsHeard(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 3, 2)
	a, b := f.open("n1", 1), f.open("n2", 5)
	a.until("hearing n2", func() bool { return a.heard["n2"] == "n2/5" })
	b.closing.Do(func() { // it dies: no goodbye
		b.list.Shutdown() //nolint:errcheck // as above
		b.cancel()
	})
	died := time.Now()
	a.until("noticing that n2 died", func() bool { return !a.alive["n2"] })
	if took := time.Since(died); took > 10*time.Second {
		t.Errorf("noticed after %s", took)
	}
	b.running.Wait()
	c := f.open("n2", 6)
	a.until("hearing the new n2", func() bool { return a.alive["n2"] && a.heard["n2"] == "n2/6" })
	c.Close() //nolint:errcheck // judged by what the other hears
	a.until("goodbye", func() bool { return !a.alive["n2"] })
}

// Keys are changed without a restart: the new one is learned, then used, then the old one forgotten.
func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 4, 2)
	a, b := f.open("n1", 1), f.open("n2", 1)
	a.until("hearing", func() bool { return len(a.heard) == 1 })
	b.until("hearing", func() bool { return len(b.heard) == 1 })
	for i, keys := range [][][]byte{{keyA, keyB}, {keyB, keyA}, {keyB}} {
		for _, m := range []*member{a, b} {
			if err := m.SetKeys(keys); err != nil {
				t.Fatal(err)
			}
		}
		word := fmt.Sprintf("step %d", i)
		a.Publish([]byte(word))
		b.until(word, func() bool { return b.heard["n1"] == word })
	}
	if n := a.Stats().WrongKey + b.Stats().WrongKey; n != 0 {
		t.Errorf("%d packets were refused on the way", n)
	}
}

func TestWrongKeyAndGarbageAreRefusedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 5, 3)
	a, b := f.open("n1", 1), f.open("n2", 1)
	a.until("hearing n2", func() bool { return a.heard["n2"] != "" })
	b.until("hearing n1", func() bool { return b.heard["n1"] != "" })
	stranger := f.open("n3", 1, keyB)
	conn, err := net.Dial("udp", f.at["n1"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a.until("counting garbage", func() bool {
		conn.Write([]byte("garbage, certainly nothing that was encrypted")) //nolint:errcheck // counted by the other side
		s := a.Stats()
		return s.WrongKey+s.Garbage+s.Foreign > 3
	})
	stranger.during(2 * time.Second)
	a.during(100 * time.Millisecond)
	if a.alive["n3"] || a.heard["n3"] != "" || len(stranger.heard) != 0 {
		t.Errorf("a node with another key was let in: %v %v", a.alive, stranger.heard)
	}
	if !a.alive["n2"] {
		t.Error("n2 was lost over it")
	}
}

// What was said once and is sent again changes nothing and is counted, to a node that heard it as to one that was not there.
func TestRepetitionsChangeNothingAndAreCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 6, 2)
	a, b := f.open("n1", 10), f.open("n2", 20)
	a.until("hearing n2", func() bool { return a.heard["n2"] != "" })
	b.until("hearing n1", func() bool { return b.heard["n1"] != "" })
	record := envelope{kind: kindRecord, from: "n1", incarnation: 10, sequence: 1, payload: []byte("old")}
	order := envelope{kind: kindMessage, from: "n1", incarnation: 10, sequence: 50, to: "n2", toLife: 20, payload: []byte("perform")}
	b.take1(order)
	b.until("the message", func() bool { return len(b.said) == 1 })
	was, said := b.heard["n1"], len(b.said)
	before := b.Stats().Replayed
	for range 3 {
		b.take1(order)
	}
	for what, e := range map[string]envelope{
		"an earlier life of the sender":   {kind: kindMessage, from: "n1", incarnation: 9, sequence: 99, to: "n2", toLife: 20, payload: []byte("perform")},
		"an earlier life of the receiver": {kind: kindMessage, from: "n1", incarnation: 10, sequence: 51, to: "n2", toLife: 19, payload: []byte("perform")},
		"another receiver":                {kind: kindMessage, from: "n1", incarnation: 10, sequence: 52, to: "n3", toLife: 20, payload: []byte("perform")},
	} {
		at := b.Stats().Replayed
		b.take1(e)
		if b.Stats().Replayed != at+1 {
			t.Errorf("%s was not counted", what)
		}
	}
	b.take1(record) // the number of a record that b has had
	b.take1(record)
	b.during(300 * time.Millisecond)
	if len(b.said) != said || b.heard["n1"] != was {
		t.Errorf("repetitions were taken: said %q, heard %q", b.said, b.heard["n1"])
	}
	if n := b.Stats().Replayed - before; n < 7 {
		t.Errorf("%d repetitions were counted, want 7 or more", n)
	}
	foreign := b.Stats().Foreign
	b.take1(envelope{kind: kindRecord, from: "n9", incarnation: 1, sequence: 1})
	b.take1(envelope{kind: kindRecord, from: "n2", incarnation: 99, sequence: 1}) // in our own name
	if n := b.Stats().Foreign - foreign; n != 2 {
		t.Errorf("%d records of strangers were counted, want 2", n)
	}
}

func (m *member) take1(e envelope) { m.Cluster.take(e.append(nil)) }

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

// A reader that is slow gets the newest record of each node, and memberlist is never held up.
func TestSlowReaderGetsTheNewest(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for i := range 5000 {
		q.put(Heard{Node: fmt.Sprintf("n%d", i%3), Payload: []byte{byte(i)}})
		if room := q.put(Message{From: "n1"}); room != (i < messageLimit) {
			t.Fatalf("message %d: room %t", i, room)
		}
	}
	if len(q.list) != 3+messageLimit {
		t.Errorf("%d events wait", len(q.list))
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) { // not parallel: it counts
	before := runtime.NumGoroutine()
	f := newFabric(t, 8, 2)
	a, b := f.open("n1", 1), f.open("n2", 1)
	a.until("hearing", func() bool { return len(a.heard) == 1 })
	for _, m := range []*member{a, b} {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func FuzzParseEnvelope(f *testing.F) {
	for _, e := range []envelope{
		{kind: kindRecord, from: "n1", incarnation: 1, sequence: 2, payload: []byte("x")},
		{kind: kindMessage, from: "n1", incarnation: 1, sequence: 2, to: "n2", toLife: 3},
	} {
		f.Add(e.append(nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEnvelope(b)
		if err != nil {
			return
		}
		if got := string(e.append(nil)); got != string(b) {
			t.Errorf("% x became % x", b, got)
		}
	})
}
