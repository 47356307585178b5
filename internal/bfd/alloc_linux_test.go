// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"runtime"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestASteadySessionAllocatesNothing(t *testing.T) {
	e := newEnd(t, Config{}).up()
	p := Packet{State: Up, Multiplier: 3, MyDiscriminator: his, YourDiscriminator: mine, DesiredMinTX: 10 * ms, RequiredMinRX: 10 * ms}
	data, buffer := p.Append(nil), make([]byte, 0, packetLength)
	if n := testing.AllocsPerRun(1000, func() {
		e.now = e.now.Add(9 * ms)
		p, _ := Parse(data)
		e.s.Receive(e.now, p, 255, half)
		if out := e.s.Tick(e.now, half); out.Send {
			buffer = out.Packet.Append(buffer[:0])
		}
	}); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// Two speakers in a network namespace talk over lo: from the socket to the session and back, timers and all.
func TestASteadySpeakerAllocatesNothing(t *testing.T) {
	lab := netlab.Test(t)
	n := newNode(t, lab, "a", "10.99.0.1/24")
	s := Open(Options{})
	defer s.Close()
	var peer *sender
	config := Config{Neighbor: addr("127.0.0.1"), Source: addr("127.0.0.2"), MinRX: 200 * ms, MinTX: 200 * ms}
	must(t, n.Do(func() (err error) {
		if err = s.Watch(name, config); err != nil {
			return err
		}
		peer, err = openSender(Config{Neighbor: addr("127.0.0.2"), Source: addr("127.0.0.1")}.complete())
		return err
	}))
	defer peer.close()
	says := Packet{State: Init, Multiplier: 50, MyDiscriminator: 7, YourDiscriminator: s.Status().Sessions[0].Discriminator, DesiredMinTX: 200 * ms, RequiredMinRX: 200 * ms}
	must(t, peer.send(says))
	if c := <-s.Changes(); !c.Up {
		t.Fatalf("%+v", c)
	}
	says.State, says.Poll = Up, true // each is answered
	count := func() (n uint64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.byName[name].received
	}
	for range 10 { // what is allocated once
		must(t, peer.send(says))
	}
	eventually(t, "they are taken", func() bool { return count() >= 11 })
	w := s.byName[name]
	if n := testing.AllocsPerRun(300, func() {
		want := count() + 1
		if peer.send(says) != nil {
			t.Error("not sent")
		}
		for limit := clock().Add(10 * time.Second); count() < want && clock() < limit; {
			runtime.Gosched()
		}
	}); n > 0 {
		t.Errorf("%v allocations a packet heard and answered", n)
	}
	if n := testing.AllocsPerRun(300, func() {
		s.mu.Lock()
		w.session.next = 0 // due
		s.mu.Unlock()
		s.fire(w)
	}); n > 0 {
		t.Errorf("%v allocations a packet sent", n)
	}
}
