// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

var (
	keyA = []byte("0123456789abcdef")
	keyB = []byte("fedcba9876543210fedcba9876543210")
	keyC = []byte("abcdefghijklmnopqrstuvwx")
)

// patient is how long something that must happen may take on a slow machine.
const patient = 30 * time.Second

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
	t      *testing.T
	name   string
	heard  map[string]string // the last record of each node
	signs  map[string]int    // how often it was told
	passed map[string]string
	alive  map[string]bool
	falls  map[string]int // how often it was told that a node is gone
	said   []string
}

// options are a node's.
func (f *fabric) options(name string, incarnation uint64, keys ...[]byte) Options {
	if len(keys) == 0 {
		keys = [][]byte{keyA}
	}
	peers := map[string]netip.AddrPort{}
	for n, a := range f.at {
		if n != name {
			peers[n] = a
		}
	}
	at := f.at[name]
	return Options{Name: "shop", Node: name, Keys: keys, Address: at.Addr(), Port: at.Port(), Peers: peers, Incarnation: incarnation}
}

// open opens a node and publishes a record.
func (f *fabric) open(name string, incarnation uint64, keys ...[]byte) *member {
	f.t.Helper()
	m := f.with(f.options(name, incarnation, keys...))
	m.Publish(fmt.Appendf(nil, "%s/%d", name, incarnation))
	return m
}

func (f *fabric) with(o Options) *member {
	f.t.Helper()
	c, err := Open(o)
	if err != nil {
		f.t.Fatal(err)
	}
	m := &member{Cluster: c, t: f.t, name: o.Node, heard: map[string]string{}, signs: map[string]int{}, passed: map[string]string{}, alive: map[string]bool{},
		falls: map[string]int{}}
	f.t.Cleanup(func() { c.Close() }) //nolint:errcheck // it may be closed already
	return m
}

// pair opens two nodes that hear each other.
func (f *fabric) pair(incarnation uint64, keys ...[]byte) (a, b *member) {
	f.t.Helper()
	a, b = f.open("n1", incarnation, keys...), f.open("n2", incarnation, keys...)
	a.until("hearing n2", func() bool { return a.heard["n2"] != "" })
	b.until("hearing n1", func() bool { return b.heard["n1"] != "" })
	return a, b
}

// kill ends a node without a goodbye.
func (m *member) kill() {
	m.closing.Do(func() {
		m.cancel()
		m.list.Shutdown() //nolint:errcheck // it dies
		m.running.Wait()
	})
}

// until takes in events until something holds.
func (m *member) until(what string, ok func() bool) {
	m.t.Helper()
	limit := time.After(patient)
	for !ok() {
		select {
		case e, open := <-m.Events():
			if !open {
				m.t.Fatalf("%s: closed before %s", m.name, what)
			}
			m.note(e)
		case <-limit:
			m.t.Fatalf("%s: not %s; alive %v, passed %v, said %q, %+v", m.name, what, m.alive, m.passed, m.said, m.Stats())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// rounds takes in events until a node has given so many more signs of life: all that was sent before is there then.
func (m *member) rounds(of string, n int) {
	m.t.Helper()
	want := m.signs[of] + n
	m.until("hearing more of "+of, func() bool { return m.signs[of] >= want })
}

func (m *member) note(e any) {
	switch e := e.(type) {
	case Presence:
		m.alive[e.Node] = e.Alive
		if !e.Alive {
			m.falls[e.Node]++
		}
	case Heard:
		m.heard[e.Node] = string(e.Payload)
		m.signs[e.Node]++
	case Passed:
		m.passed[e.Node] = string(e.Payload)
	case Message:
		m.said = append(m.said, e.From+": "+string(e.Payload))
	}
}

// captured is a datagram that m would send, as it is on the wire.
func (m *member) captured(to netip.AddrPort, purpose byte, text []byte) (wire []byte) {
	m.t.Helper()
	if err := m.wire.seal.seal(to, append([]byte{purpose}, text...), func(b []byte) error { wire = b; return nil }); err != nil {
		m.t.Fatal(err)
	}
	return wire
}

// throw sends a datagram as it is from m's own socket, as one that forges m's address would.
func (m *member) throw(to netip.AddrPort, wire []byte) {
	m.t.Helper()
	if _, err := m.wire.udp.WriteToUDPAddrPort(wire, to); err != nil {
		m.t.Fatal(err)
	}
}
