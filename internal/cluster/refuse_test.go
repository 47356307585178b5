// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// grows waits until a kind of refusal has grown by so much, and says who the last was.
func (m *member) grows(what string, by uint64, of func(Stats) Refused, act func()) string {
	m.t.Helper()
	was := of(m.Stats()).Count
	act()
	m.until("counting "+what, func() bool { return of(m.Stats()).Count >= was+by })
	return of(m.Stats()).Last
}

func ofWrongKey(s Stats) Refused { return s.WrongKey }
func ofGarbage(s Stats) Refused  { return s.Garbage }
func ofForeign(s Stats) Refused  { return s.Foreign }
func ofReplayed(s Stats) Refused { return s.Replayed }
func ofTooLarge(s Stats) Refused { return s.TooLarge }

func TestWrongKeyIsRefusedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 20, 3)
	a, _ := f.pair(1)
	var stranger *member
	if last := a.grows("a wrong key", 2, ofWrongKey, func() { stranger = f.open("n3", 1, keyB) }); !strings.HasPrefix(last, "127.7.20.3:") {
		t.Errorf("the last source is %s", last) // these are calls
	}
	last := a.grows("a datagram with a wrong key", 1, ofWrongKey, func() {
		stranger.throw(f.at["n1"], stranger.captured(f.at["n1"], forEnvelope, []byte("x")))
	})
	if last == "" {
		t.Error("no source")
	}
	a.rounds("n2", 1)
	if a.alive["n3"] || a.heard["n3"] != "" || !a.alive["n2"] {
		t.Errorf("alive %v, heard %v", a.alive, a.heard)
	}
	stranger.until("refusing the others in its turn", func() bool { return stranger.Stats().WrongKey.Count > 0 })
	if len(stranger.alive)+len(stranger.heard) > 0 {
		t.Errorf("the stranger hears %v", stranger.heard)
	}
}

func TestGarbageIsRefusedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 21, 3)
	a, b := f.pair(1)
	u, err := net.Dial("udp", f.at["n1"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, junk := range []string{"x", "certainly nothing that was ever encrypted by anybody at all", strings.Repeat("\xff", 60_000)} {
		last := a.grows("garbage", 1, ofGarbage, func() { u.Write([]byte(junk)) }) //nolint:errcheck // counted by the other side
		if last != u.LocalAddr().String() {
			t.Errorf("the last source is %s, want %s", last, u.LocalAddr())
		}
	}
	n3 := &net.Dialer{LocalAddr: &net.TCPAddr{IP: f.at["n3"].Addr().AsSlice()}} // a node that is named, but talks nonsense
	for _, junk := range []string{"GET / HTTP/1.1\r\nHost: there\r\n\r\n", string(sealMagic[:]) + string(a.wire.seal.tag[:]) + "\x02" + strings.Repeat("s", saltSize) + "\xff\xff\xff\xff"} {
		a.grows("garbage in a call", 1, ofGarbage, func() {
			c, err := n3.Dial("tcp", f.at["n1"].String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write([]byte(junk)) //nolint:errcheck // counted by the other side
			c.SetReadDeadline(time.Now().Add(patient))
			for buf := make([]byte, 100); err == nil; { // the other side hangs up
				_, err = c.Read(buf)
			}
		})
	}
	a.grows("a key without sense", 3, ofGarbage, func() {
		for _, text := range [][]byte{{9, 9}, {forEnvelope}, {forEnvelope, 'R', 'G', 'T', 99, 1, 1}} {
			b.throw(f.at["n1"], b.captured(f.at["n1"], text[0], text[1:]))
		}
	})
	delegate{a.Cluster}.MergeRemoteState([]byte("what another version passes on"), false)
	a.rounds("n2", 1)
	if !a.alive["n2"] || a.falls["n2"] > 0 {
		t.Error("n2 was lost over it")
	}
}

func TestForeignNodesAreRefusedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 22, 4)
	names := f.at
	f.at = map[string]netip.AddrPort{"n1": names["n1"], "n2": names["n2"]}
	a, b := f.pair(1)

	f.at = names // n3 knows everybody, but nobody knows it
	unnamed := f.options("n3", 1)
	a.grows("a node that is not named", 2, ofForeign, func() { f.with(unnamed).Publish([]byte("let me in")) })

	other := f.options("n4", 1) // of another cluster with the same key, and from an address that is known
	other.Name = "bar"
	bar := f.with(other)
	a.grows("another cluster", 1, ofForeign, func() { bar.throw(f.at["n1"], bar.captured(f.at["n1"], forEnvelope, []byte("x"))) })

	for what, e := range map[string]envelope{
		"another's name":   {kind: kindRecord, from: "n1", to: "n1", incarnation: 9, toLife: 1, sequence: 1, edition: 9},
		"a name unknown":   {kind: kindRecord, from: "n9", to: "n1", incarnation: 9, toLife: 1, sequence: 1, edition: 9},
		"another receiver": {kind: kindRecord, from: "n2", to: "n3", incarnation: 9, toLife: 1, sequence: 1, edition: 9},
	} {
		a.grows(what, 1, ofForeign, func() { b.throw(f.at["n1"], b.captured(f.at["n1"], forEnvelope, e.append(nil))) })
	}

	node := a.list.LocalNode()
	wrong := *node
	wrong.Name = "n2" // n2 where n1 is
	if (delegate{a.Cluster}).NotifyAlive(&wrong) == nil {
		t.Error("n2 may be elsewhere")
	}
	if (delegate{a.Cluster}).NotifyAlive(node) != nil {
		t.Error("n1 may not be")
	}
	a.rounds("n2", 1)
	if len(a.alive) != 1 || len(a.heard) != 1 {
		t.Errorf("alive %v, heard %v", a.alive, a.heard)
	}
}

func TestTooLargeIsRefusedAndCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 23, 2)
	a, b := f.pair(1)
	last := a.grows("a stream that announces too much", 1, ofTooLarge, func() {
		s, err := b.wire.dial(f.at["n1"], forEnvelope, patient)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Write(binary.BigEndian.AppendUint32(nil, 1<<30)); err != nil {
			t.Fatal(err)
		}
		s.Read(make([]byte, 1)) //nolint:errcheck // it hangs up
	})
	if !strings.HasPrefix(last, "127.7.23.2:") {
		t.Errorf("the last source is %s", last)
	}
}

// What was captured and is sent again changes nothing and is counted: to the node that had it, to another one, and to one
// that was restarted since.
func TestRepetitionsChangeNothingAndAreCounted(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 24, 3)
	a, b := f.pair(10)
	c := f.open("n3", 10)
	c.until("hearing n1", func() bool { return c.heard["n1"] != "" })
	to := f.at["n2"]

	order := envelope{kind: kindMessage, from: "n1", to: "n2", incarnation: 10, toLife: 10, sequence: 1 << 40, payload: []byte("perform")}
	old := envelope{kind: kindRecord, from: "n1", to: "n2", incarnation: 10, toLife: 10, sequence: 1<<40 + 1, edition: 1 << 40, payload: []byte("old")}
	orderWire, oldWire := a.captured(to, forEnvelope, order.append(nil)), a.captured(to, forEnvelope, old.append(nil))
	a.throw(to, orderWire)
	a.throw(to, oldWire)
	b.until("hearing both", func() bool { return len(b.said) == 1 && b.heard["n1"] == "old" })
	a.mu.Lock()
	a.edition, a.peers["n2"].sent = 1<<40, 1<<40+1 // a has sent them
	a.mu.Unlock()
	a.Publish([]byte("new"))
	b.until("hearing the new record", func() bool { return b.heard["n1"] == "new" })

	last := b.grows("repetitions", 6, ofReplayed, func() {
		for range 3 {
			a.throw(to, orderWire)
			a.throw(to, oldWire)
		}
	})
	if last != to.String() && !strings.HasPrefix(last, "127.7.24.1:") {
		t.Errorf("the last source is %s", last)
	}
	b.rounds("n1", 1)
	if len(b.said) != 1 || b.heard["n1"] != "new" {
		t.Errorf("said %q, heard %q", b.said, b.heard["n1"])
	}
	c.grows("what was meant for another", 2, ofWrongKey, func() {
		a.throw(f.at["n3"], orderWire)
		a.throw(f.at["n3"], oldWire)
	})

	// n2 starts anew and has no memory of what it had.
	a.kill()
	b.kill()
	d := f.open("n2", 11)
	d.until("hearing n3", func() bool { return d.heard["n3"] != "" })
	ghost, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.at["n1"])) // in the place of n1, which is gone
	if err != nil {
		t.Fatal(err)
	}
	defer ghost.Close()
	d.grows("what a former life had", 2, ofReplayed, func() {
		for _, wire := range [][]byte{orderWire, orderWire, oldWire, oldWire} {
			if _, err := ghost.WriteToUDPAddrPort(wire, to); err != nil {
				t.Fatal(err)
			}
		}
	})
	d.rounds("n3", 1)
	if len(d.said) > 0 || d.heard["n1"] != "" || d.alive["n1"] {
		t.Errorf("a dead node spoke: said %q, heard %q, alive %t", d.said, d.heard["n1"], d.alive["n1"])
	}
}

// A call that was captured opens nothing a second time.
func TestCallThatIsRepeatedIsRefused(t *testing.T) {
	t.Parallel()
	f := newFabric(t, 25, 2)
	a, b := f.pair(1)
	near, far := net.Pipe()
	taped := make(chan []byte, 1)
	go func() { // a's call to b, into a recorder that greets with salt of its own
		var tape []byte
		buf := make([]byte, 4096)
		for greeted := false; ; {
			n, err := far.Read(buf)
			tape = append(tape, buf[:n]...)
			if err != nil {
				taped <- tape
				return
			}
			if !greeted {
				greeting, _ := b.wire.seal.greeting(forEnvelope)
				far.Write(greeting) //nolint:errcheck // a pipe
				greeted = true
			}
		}
	}()
	s, err := a.wire.seal.call(near, f.at["n2"], forEnvelope, patient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("\x00\x00\x00\x05perform")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	b.grows("a call that is repeated", 1, ofWrongKey, func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: f.at["n1"].Addr().AsSlice()}}
		c, err := d.Dial("tcp", f.at["n2"].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(<-taped)                           //nolint:errcheck // counted by the other side
		c.SetReadDeadline(time.Now().Add(patient)) //nolint:errcheck // as above
		for buf := make([]byte, 100); err == nil; {
			_, err = c.Read(buf)
		}
	})
}
