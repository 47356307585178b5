// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNodesHearEachOthersRecordsAndMessages(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 1, 5)
	var all []*member
	for i := 1; i <= 5; i++ {
		all = append(all, f.open(fmt.Sprintf("n%d", i), 7))
	}
	for _, m := range all {
		m.until("hearing all", func() bool { return len(m.heard) == 4 })
		for other, record := range m.heard {
			if record != other+"/7" || !m.alive[other] {
				t.Errorf("%s heard %q of %s, alive %t", m.name, record, other, m.alive[other])
			}
		}
	}
	all[0].Publish([]byte("changed"))
	for _, m := range all[1:] {
		m.until("hearing the change", func() bool { return m.heard["n1"] == "changed" })
	}
	var want []string
	for i := range 40 {
		word := fmt.Sprintf("step %d", i)
		want = append(want, "n2: "+word)
		if err := all[1].Send("n3", []byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	all[2].until("hearing messages", func() bool { return len(all[2].said) >= len(want) })
	if diff := cmp.Diff(want, all[2].said); diff != "" {
		t.Errorf("messages in their order: %s", diff)
	}
	if err := all[0].Send("nobody", nil); err == nil {
		t.Error("a message to nobody was sent")
	}
	for _, m := range all {
		if diff := cmp.Diff(Stats{}, m.Stats()); diff != "" {
			t.Errorf("%s refused something: %s", m.name, diff)
		}
	}
}

// What fits no datagram goes by stream, once; after that a sign of life is a datagram again.
func TestLongRecordsAndMessagesArrive(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 2, 2)
	a, b := f.pair(1)
	long := strings.Repeat("x", payloadLimit)
	a.Publish([]byte(long))
	b.until("hearing a long record", func() bool { return b.heard["n1"] == long })
	first := b.held("n1")
	b.rounds("n1", 2)
	if again := b.held("n1"); &first[0] != &again[0] || b.heard["n1"] != long {
		t.Error("a record that did not change was sent again")
	}
	message := strings.Repeat("y", 100_000)
	if err := a.Send("n2", []byte(message)); err != nil {
		t.Fatal(err)
	}
	b.until("hearing a long message", func() bool { return len(b.said) == 1 && b.said[0] == "n1: "+message })
	if err := a.Send("n2", make([]byte, payloadLimit+1)); err == nil {
		t.Error("a message that is too long was sent")
	}
	a.Publish(make([]byte, payloadLimit+1))
	if got := a.Stats().TooLarge; got != (Refused{1, "n1"}) {
		t.Errorf("a record that is too long: %+v", got)
	}
	b.rounds("n1", 1)
	if b.heard["n1"] != long {
		t.Error("a record that is too long took the place of the last one")
	}
}

func (m *member) held(node string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers[node].record.payload
}

// A record that was lost on its way is asked for.
func TestRecordThatWasLostIsAskedFor(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 3, 2)
	a, b := f.pair(1)
	a.Publish(bytes.Repeat([]byte("z"), 50_000))
	b.until("hearing it", func() bool { return len(b.heard["n1"]) == 50_000 })
	b.mu.Lock()
	b.peers["n1"].record = record{} // as if it had been lost
	b.mu.Unlock()
	b.heard["n1"] = ""
	b.until("hearing it again", func() bool { return len(b.heard["n1"]) == 50_000 })
}

func TestLoneNodeIsANormalState(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 4, 3)
	m := f.open("n1", 1)
	if err := m.Send("n2", []byte("x")); err == nil {
		t.Error("a message to a node that is not there was sent")
	}
	select {
	case e := <-m.Events():
		t.Errorf("heard %+v", e)
	case <-time.After(2500 * time.Millisecond): // some attempts to meet others
	}
	if got := m.Stats(); got != (Stats{}) {
		t.Errorf("refused %+v", got)
	}
	began := time.Now()
	if err := m.Close(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("closed after %s: %v", time.Since(began), err)
	}
	if _, open := <-m.Events(); open {
		t.Error("events after the end")
	}
}

func TestDeadNodeIsNoticedAndOneThatReturnsIsHeard(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 5, 3)
	a, b := f.open("n1", 1), f.open("n2", 5)
	a.until("hearing n2", func() bool { return a.heard["n2"] == "n2/5" })
	b.until("hearing n1", func() bool { return b.heard["n1"] != "" })
	b.kill()
	died := time.Now()
	a.until("noticing that n2 died", func() bool { return !a.alive["n2"] })
	took := time.Since(died)
	t.Logf("noticed after %s", took)
	if took > 10*time.Second {
		t.Errorf("noticed after %s", took)
	}
	if err := a.Send("n2", nil); err == nil {
		t.Error("a message to a dead node was sent")
	}
	c := f.open("n2", 6)
	a.until("hearing the new n2", func() bool { return a.alive["n2"] && a.heard["n2"] == "n2/6" })
	c.until("hearing n1", func() bool { return c.heard["n1"] == "n1/1" })
	c.Publish([]byte("last word"))
	c.Close() //nolint:errcheck // judged by what the other hears
	left := time.Now()
	a.until("goodbye", func() bool { return !a.alive["n2"] })
	if took := time.Since(left); took > time.Second || a.heard["n2"] != "last word" {
		t.Errorf("goodbye after %s; the last record was %q", took, a.heard["n2"])
	}
}

// A node that lost its number begins lower than the others know it: it is not heard, and that is counted.
func TestLowerIncarnationLoses(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 6, 2)
	a, b := f.pair(5)
	b.Close() //nolint:errcheck // judged by what the other hears
	a.until("goodbye", func() bool { return !a.alive["n2"] })
	c := f.open("n2", 4)
	c.until("hearing nobody", func() bool { return a.Stats().Replayed.Count > 2 })
	a.until("refusing more of it", func() bool { return a.Stats().Replayed.Count > 3 })
	if a.alive["n2"] || a.heard["n2"] != "n2/5" {
		t.Errorf("alive %t, heard %q", a.alive["n2"], a.heard["n2"])
	}
	if got := a.Stats().Replayed.Last; got != "n2" {
		t.Errorf("the last source is %q", got)
	}
}

// Keys are changed without a restart: the new one is learned, then used, then the old ones forgotten, all of them.
func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 7, 3)
	a, b := f.pair(1, keyA, keyC)
	for i, keys := range [][][]byte{{keyA, keyC, keyB}, {keyB, keyA, keyC}, {keyB}} {
		for _, m := range []*member{a, b} {
			if err := m.SetKeys(keys); err != nil {
				t.Fatal(err)
			}
		}
		word := fmt.Sprintf("step %d", i)
		long := strings.Repeat(word, 1000)
		b.Publish([]byte(long))
		a.until(word, func() bool { return a.heard["n2"] == long })
		a.Publish([]byte(word))
		b.Publish([]byte(word)) // and so nothing that was sent with an earlier key is still on its way
		b.until(word, func() bool { return b.heard["n1"] == word })
		a.until(word, func() bool { return a.heard["n2"] == word })
	}
	a.rounds("n2", 2)
	if n := a.Stats().WrongKey.Count + b.Stats().WrongKey.Count; n != 0 || a.falls["n2"]+b.falls["n1"] > 0 {
		t.Errorf("%d packets were refused on the way, %d + %d falls", n, a.falls["n2"], b.falls["n1"])
	}
	for _, old := range [][]byte{keyA, keyC} {
		was := a.Stats().WrongKey.Count
		stranger := f.open("n3", 1, old)
		a.until("refusing a forgotten key", func() bool { return a.Stats().WrongKey.Count > was })
		stranger.Close() //nolint:errcheck // judged by what the other counts
	}
	if a.alive["n3"] {
		t.Error("a forgotten key still opens")
	}
	for _, bad := range [][][]byte{nil, {keyA[:5]}} {
		if err := a.SetKeys(bad); err == nil {
			t.Errorf("keys %q were taken", bad)
		}
	}
	a.Publish([]byte("still here"))
	b.until("hearing n1 after bad keys", func() bool { return b.heard["n1"] == "still here" })
}

// What a node knows of one that is gone reaches one that was not there, as hearsay.
func TestRecordOfANodeThatIsGoneIsPassedOn(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 8, 3)
	b, c := f.open("n2", 1), f.open("n3", 1)
	b.until("hearing n3", func() bool { return b.heard["n3"] != "" })
	c.kill()
	b.until("noticing that n3 died", func() bool { return !b.alive["n3"] })
	a := f.open("n1", 1)
	a.until("being told of n3", func() bool { return a.passed["n3"] == "n3/1" && a.heard["n2"] != "" })
	if a.alive["n3"] || a.heard["n3"] != "" {
		t.Error("hearsay was taken for a sign of life")
	}
	again := f.open("n3", 2)
	a.until("hearing n3 itself", func() bool { return a.heard["n3"] == "n3/2" })
	again.until("hearing both", func() bool { return len(again.heard) == 2 })
}

// While a node is heard it is there, whatever memberlist is made to believe of it.
func TestNodeThatIsHeardIsNotGone(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 9, 2)
	a, b := f.pair(1)
	for _, n := range a.list.Members() {
		if n.Name == "n2" {
			delegate{a.Cluster}.NotifyLeave(n)
		}
	}
	a.rounds("n2", 3)
	if a.falls["n2"] != 0 || !a.alive["n2"] {
		t.Error("n2 was reported gone while it is heard")
	}
	b.kill()
	a.until("noticing that n2 died", func() bool { return !a.alive["n2"] })
}

func TestPeersChangeWhileTheChannelRuns(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 10, 3)
	a, b := f.pair(1)
	without := f.options("n1", 1).Peers
	delete(without, "n2")
	a.SetPeers(without)
	a.until("letting go of n2", func() bool { return !a.alive["n2"] })
	b.until("noticing it", func() bool { return a.Stats().Foreign.Count > 0 })
	a.SetPeers(f.options("n1", 1).Peers)
	a.until("hearing n2 again", func() bool { return a.alive["n2"] })
}

func TestChannelOverIPv6(t *testing.T) {
	t.Parallel()
	f := &fabric{t: t, at: map[string]netip.AddrPort{}}
	for _, name := range []string{"n1", "n2"} {
		l, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		f.at[name] = netip.MustParseAddrPort(l.Addr().String())
		l.Close()
	}
	a, b := f.pair(1)
	long := strings.Repeat("6", 5000)
	a.Publish([]byte(long))
	b.until("hearing a long record", func() bool { return b.heard["n1"] == long })
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 11, 2)
	for what, change := range map[string]func(*Options){
		"no key":         func(o *Options) { o.Keys = nil },
		"short key":      func(o *Options) { o.Keys = [][]byte{keyA, keyA[:15]} },
		"no name":        func(o *Options) { o.Node = "" },
		"no address":     func(o *Options) { o.Address = netip.Addr{} },
		"every address":  func(o *Options) { o.Address = netip.IPv4Unspecified() },
		"no port":        func(o *Options) { o.Port = 0 },
		"no incarnation": func(o *Options) { o.Incarnation = 0 },
		"not ours":       func(o *Options) { o.Address = netip.MustParseAddr("192.0.2.1") },
	} {
		o := f.options("n1", 1)
		change(&o)
		if c, err := Open(o); err == nil {
			c.Close()
			t.Errorf("%s: opened", what)
		}
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) { // not parallel: it counts
	before := runtime.NumGoroutine()
	f := newFabric(t, 12, 3) // n3 is never there
	a, b := f.pair(1)
	a.Publish(make([]byte, 200_000))
	for _, m := range []*member{a, b} {
		began := time.Now()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("closed after %s", took)
		}
		m.Publish([]byte("late"))
		if err := m.Send("n1", nil); err == nil {
			t.Error("a message was sent after the end")
		}
	}
	for end := time.Now().Add(patient); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
