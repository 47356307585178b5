// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// Keys of tests.
var (
	firstKey  = bytes.Repeat([]byte{1}, 32)
	secondKey = bytes.Repeat([]byte{2}, 64)
)

// signs gives a virtual router trailers of a key.
func signs(c vrrp.Config, id uint8, key []byte) vrrp.Config {
	c.HMAC = &vrrp.HMAC{Keys: map[uint8][]byte{id: key}, Active: id}
	return c
}

func TestWhoHasNoKeyMovesNothing(t *testing.T) {
	t.Parallel()
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		for _, unicast := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unicast %v", family, unicast), func(t *testing.T) {
				t.Parallel()
				whoHasNoKey(t, family, unicast)
			})
		}
	}
}

func whoHasNoKey(t *testing.T, family vrrp.Family, unicast bool) {
	lab := netlab.Test(t)
	var nodes []*speaker
	var sources []netip.Addr
	for i, name := range []string{"a", "b", "c"} {
		s := speak(t, newNode(t, lab, name, fmt.Sprintf("10.99.0.%d/24", i+1)))
		nodes = append(nodes, s)
		sources = append(sources, addr(fmt.Sprintf("10.99.0.%d", i+1)))
		if family == vrrp.IPv6 {
			sources[i] = linkLocal(t, s.node, "eth0")
		}
	}
	config := func(i int, priority vrrp.Priority) vrrp.Config {
		c := config4(51, priority, testInterval)
		if family == vrrp.IPv6 {
			c = config6(51, priority, testInterval)
		}
		for j, src := range sources {
			if unicast && j != i {
				c.Peers = append(c.Peers, src)
			}
		}
		return c
	}
	wire, err := lab.Capture("trailer", "ip proto 112 or ip6 proto 112")
	must(t, err)
	a, b, c := nodes[0], nodes[1], nodes[2]
	for i, s := range nodes[:2] {
		cfg := signs(config(i, vrrp.Priority(200-50*i)), 1, firstKey)
		s.add(1, cfg)
		s.attach(s.bind(1, sources[i], cfg.Peers...))
	}
	a.awaitState(1, vrrp.Active)
	eventually(t, "b hears a", func() bool { return b.status(1).Counters.AdvertisementRcvd >= 3 })

	// One without a key, with the highest priority; then with another key of the same number.
	cfg := config(2, 254)
	c.add(1, cfg)
	c.attach(c.bind(1, sources[2], cfg.Peers...))
	c.awaitState(1, vrrp.Active) // it hears nobody: what has a trailer is too long for it
	refused := func() (least uint64) {
		return min(a.status(1).Counters.AuthErrors, b.status(1).Counters.AuthErrors)
	}
	eventually(t, "both refuse it", func() bool { return refused() >= 5 })
	must(t, c.loop.Do(func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		return r.Update(now, 1, signs(cfg, 1, secondKey), out)
	}))
	before := refused()
	eventually(t, "both refuse its key", func() bool { return refused() >= before+5 })
	must(t, c.loop.Detach(1, vrrp.ReasonShutdown)) // its priority 0 says nothing either

	// What a has sent, once more, from c.
	_, err = wire.Stop()
	must(t, err)
	var recorded [][]byte
	from, to := hardware(t, a.node, "eth0"), hardware(t, b.node, "eth0")
	for _, f := range wire.Frames() {
		if bytes.Equal(f.Data[6:12], from[:]) && (!unicast || bytes.Equal(f.Data[:6], to[:])) {
			recorded = append(recorded, f.Data)
		}
	}
	before, heard := b.status(1).Counters.AuthErrors, len(recorded)
	inject(t, c.node, "eth0", recorded...)
	eventually(t, "b refuses the replay", func() bool { return b.status(1).Counters.AuthErrors >= before+uint64(heard) })

	if a.entered(1, vrrp.Active) != 1 || a.status(1).State != vrrp.Active || b.entered(1, vrrp.Active) != 0 {
		t.Errorf("a was active %d times and is %s, b %d times: want a alone", a.entered(1, vrrp.Active), a.status(1).State, b.entered(1, vrrp.Active))
	}
	must(t, a.loop.Detach(1, vrrp.ReasonShutdown))
	b.awaitState(1, vrrp.Active)
}

func TestKeysAreRolledOverInPlace(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	nodes := []*speaker{a, b}
	plain := func(i int) vrrp.Config { return config4(51, vrrp.Priority(200-50*i), testInterval) }
	for i, s := range nodes {
		s.add(1, plain(i))
		s.attach(s.bind(1, addr(fmt.Sprintf("10.99.0.%d", i+1))))
	}
	a.awaitState(1, vrrp.Active)
	both := map[uint8][]byte{1: firstKey, 2: secondKey}
	for _, step := range []vrrp.HMAC{
		{Keys: both, Active: 1, Mode: vrrp.HMACReceiveOnly}, {Keys: both, Active: 1, Mode: vrrp.HMACPermissive}, {Keys: both, Active: 1},
		{Keys: both, Active: 2}, {Keys: map[uint8][]byte{2: secondKey}, Active: 2},
	} {
		for i, s := range nodes {
			c := plain(i)
			c.HMAC = &step
			must(t, s.loop.Do(func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action { return r.Update(now, 1, c, out) }))
			heard := b.status(1).Counters.AdvertisementRcvd
			eventually(t, "b hears a", func() bool { return b.status(1).Counters.AdvertisementRcvd >= heard+2 })
		}
	}
	if n := b.status(1).Counters.AuthErrors; n != 0 || b.entered(1, vrrp.Active) != 0 || a.entered(1, vrrp.Active) != 1 {
		t.Errorf("b refused %d adverts and was active %d times", n, b.entered(1, vrrp.Active))
	}
}

func TestNothingIsAllocatedForAnAdvertWithATrailer(t *testing.T) {
	l, p, far := benchNodes(t, 100)
	blast := newBlaster(t, far, "eth0", adverts4(batch, "10.99.0.1"))
	must(t, onLoop(l, func(now vrrp.Time) {
		for vrid := 1; vrid <= batch; vrid++ {
			c := config4(vrrp.VRID(vrid), 100, 40*time.Second)
			l.router.Update(now, vrrp.ID(vrid), signs(c, 1, firstKey), nil)
		}
		round := func() {
			l.router.SetWall(now, time.Now())
			blast.send(0, batch)
			l.receiveFrom(p, now)
			l.out = l.out[:0]
			for id := vrrp.ID(1); id <= batch; id++ {
				l.out = append(l.out, vrrp.Action{ID: id, Kind: vrrp.SendAdvert, Priority: 100})
			}
			l.dispatch(now)
			l.publish()
		}
		round() // the first time makes the messages, and tells of what is refused
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%d adverts with trailers allocate %v times", batch, n)
		}
	}))
}
