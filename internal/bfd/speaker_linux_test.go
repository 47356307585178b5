// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// Times that a busy machine keeps: a process that does not run for 750 ms is down by right.
const (
	pace     = 150 * ms
	attempts = 5
	detect   = attempts * pace
	slack    = 400 * ms
)

// paced fills in the times.
func paced(c Config) Config {
	c.MinRX, c.MinTX, c.Multiplier = pace, pace, attempts
	return c
}

// judgeWire has tshark read what was sent: each packet whole, from a port of the range, far enough from routers.
func judgeWire(t *testing.T, c *netlab.Capture, port, ttl int) {
	t.Helper()
	path, err := c.Stop()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	rows, err := netlab.Tshark(ctx, path, "udp", "udp.srcport", "udp.dstport", "udp.length", "udp.checksum.status", "bfd.version", "ip.ttl", "ipv6.hlim",
		"ip.dsfield.dscp", "ipv6.tclass.dscp", "_ws.malformed")
	must(t, err)
	ports := map[string]bool{}
	for i, r := range rows {
		source, _ := strconv.Atoi(r["udp.srcport"])
		got := []string{r["udp.dstport"], r["udp.length"], r["bfd.version"], r["ip.ttl"] + r["ipv6.hlim"], r["ip.dsfield.dscp"] + r["ipv6.tclass.dscp"], r["_ws.malformed"]}
		want := []string{strconv.Itoa(port), "32", "1", strconv.Itoa(ttl), "48", ""}
		if diff := cmp.Diff(want, got); diff != "" || source < firstSource || source > lastSource {
			t.Errorf("packet %d from port %d (-want +got):\n%s", i+1, source, diff)
		}
		ports[r["udp.srcport"]] = true
	}
	if len(rows) == 0 || len(ports) != 2 {
		t.Errorf("%d packets from ports %v: want one port a session", len(rows), ports)
	}
}

func TestTwoSpeakersNoticeACutAndItsHealing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		addresses func(a, b *netlab.Node) [2]netip.Addr // neighbours, as a and b see them
		edit      func(*Config)
		ttl       int
	}{
		{"IPv4", func(_, _ *netlab.Node) [2]netip.Addr { return [2]netip.Addr{addr("10.99.0.2"), addr("10.99.0.1")} }, nil, 255},
		{"IPv4, other TTL", func(_, _ *netlab.Node) [2]netip.Addr { return [2]netip.Addr{addr("10.99.0.2"), addr("10.99.0.1")} },
			func(c *Config) { c.TTL = 64 }, 64},
		{"IPv6", func(_, _ *netlab.Node) [2]netip.Addr { return [2]netip.Addr{addr("fd99::2"), addr("fd99::1")} }, nil, 255},
		{"IPv6, link-local", func(a, b *netlab.Node) [2]netip.Addr {
			return [2]netip.Addr{linkLocal(t, b, "eth0").WithZone("eth0"), linkLocal(t, a, "eth0").WithZone("eth0")}
		}, nil, 255},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			nodes := [2]*netlab.Node{newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64"), newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64")}
			wire, err := lab.Capture("bfd", "udp")
			must(t, err)
			var sides [2]*side
			for i, neighbor := range c.addresses(nodes[0], nodes[1]) {
				config := paced(Config{Neighbor: neighbor, Passive: i == 1})
				if c.edit != nil {
					c.edit(&config)
				}
				sides[i] = speak(t, nodes[i], config)
			}
			for _, s := range sides {
				s.goes(true, NoDiagnostic)
			}
			for _, s := range sides {
				eventually(t, "the pace is agreed on", func() bool { st := s.session(); return st.Interval == pace && st.DetectionTime == detect })
			}
			must(t, nodes[1].Cut())
			begin := time.Now()
			for _, s := range sides {
				if d := s.goes(false, DetectionTimeExpired).Since.Sub(begin); d > detect+slack || d < detect-pace-slack {
					t.Errorf("%s is down %v after the cut", s.node.Name(), d)
				}
			}
			must(t, nodes[1].Heal())
			for _, s := range sides {
				s.goes(true, NoDiagnostic)
				if st := s.session(); st.Downs != 1 || st.RemoteDiscriminator == 0 || len(st.Discarded) > 0 {
					t.Errorf("%s: %+v", s.node.Name(), st)
				}
			}
			sides[0].Forget(name)
			begin = time.Now()
			if d := sides[1].goes(false, NeighborSignaledDown).Since.Sub(begin); d > pace+slack {
				t.Errorf("told of AdminDown after %v", d)
			}
			if st := sides[1].session(); st.RemoteState != AdminDown || st.RemoteDiagnostic != AdministrativelyDown {
				t.Errorf("%+v", st)
			}
			judgeWire(t, wire, portSingle, c.ttl)
		})
	}
}

func TestASessionOverARouter(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	far, err := lab.Network("far", netlab.NetworkOptions{})
	must(t, err)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	router := newNode(t, lab, "router", "10.99.0.254/24")
	_, err = router.Attach(far, "eth1", "10.98.0.254/24")
	must(t, err)
	must(t, router.Forward())
	b, err := lab.Island("b")
	must(t, err)
	port, err := b.Attach(far, "eth0", "10.98.0.1/24")
	must(t, err)
	must(t, a.Route("default", "10.99.0.254"))
	must(t, b.Route("default", "10.98.0.254"))
	wire, err := lab.Capture("multihop", "udp and src host 10.99.0.1")
	must(t, err)
	left := speak(t, a, paced(Config{Neighbor: addr("10.98.0.1"), Source: addr("10.99.0.1"), Multihop: true}))
	right := speak(t, b, paced(Config{Neighbor: addr("10.99.0.1"), Multihop: true, MaxHops: 1}))
	left.goes(true, NoDiagnostic)
	right.goes(true, NoDiagnostic)
	must(t, port.Cut())
	left.goes(false, DetectionTimeExpired)
	right.goes(false, DetectionTimeExpired)
	must(t, port.Heal())
	left.goes(true, NoDiagnostic)
	right.goes(true, NoDiagnostic)
	path, err := wire.Stop()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if rows, err := netlab.Tshark(ctx, path, "bfd and udp.dstport == 4784 and ip.ttl == 255", "udp.dstport"); err != nil || len(rows) == 0 {
		t.Errorf("%d packets to port 4784, %v", len(rows), err)
	}

	// Over one hop, the same path is too long.
	left.watch(paced(Config{Neighbor: addr("10.98.0.1"), Source: addr("10.99.0.1")}))
	right.watch(paced(Config{Neighbor: addr("10.99.0.1")}))
	eventually(t, "packets from behind a router are discarded", func() bool { return right.session().Discarded[TooFar] > 0 })
	if st := left.session(); st.State != Down || st.Received > 0 {
		t.Errorf("%+v", st)
	}
}

func TestChangingTheTimesDoesNotInterrupt(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a, b := newNode(t, lab, "a", "10.99.0.1/24"), newNode(t, lab, "b", "10.99.0.2/24")
	left := speak(t, a, paced(Config{Neighbor: addr("10.99.0.2")}))
	right := speak(t, b, paced(Config{Neighbor: addr("10.99.0.1")}))
	left.goes(true, NoDiagnostic)
	right.goes(true, NoDiagnostic)
	before := left.session().Discriminator
	left.watch(Config{Neighbor: addr("10.99.0.2"), MinTX: 250 * ms, MinRX: 300 * ms, Multiplier: 4})
	eventually(t, "the new times are agreed on", func() bool {
		l, r := left.session(), right.session()
		return l.Interval == 250*ms && r.Interval == 300*ms && l.DetectionTime == 1500*ms && r.DetectionTime == 1000*ms
	})
	if l, r := left.session(), right.session(); l.Downs+r.Downs > 0 || l.Discriminator != before {
		t.Errorf("interrupted: %+v, %+v", l, r)
	}
}

func TestAddressesAndInterfacesMayComeLater(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	second, err := lab.Network("second", netlab.NetworkOptions{})
	must(t, err)
	a, b := newNode(t, lab, "a", "10.99.0.1/24"), newNode(t, lab, "b", "10.99.0.2/24")
	_, err = b.Attach(second, "eth1")
	must(t, err)
	left := Open(Options{})
	defer left.Close()
	must(t, a.Do(func() error {
		if err := left.Watch("address", paced(Config{Neighbor: addr("10.99.0.2"), Source: addr("10.99.0.77")})); err != nil {
			return err
		}
		return left.Watch("link", paced(Config{Neighbor: linkLocal(t, b, "eth1").WithZone("eth1")}))
	}))
	eventually(t, "sending fails", func() bool {
		st := left.Status().Sessions
		return st[0].Failed > 0 && st[1].Failed > 0
	})
	_, err = a.Attach(second, "eth1")
	must(t, err)
	must(t, a.Do(func() error {
		_, err := a.Run(t.Context(), "ip", "address", "add", "10.99.0.77/24", "dev", "eth0")
		return err
	}))
	right := Open(Options{})
	defer right.Close()
	must(t, b.Do(func() error {
		if err := right.Watch("address", paced(Config{Neighbor: addr("10.99.0.77")})); err != nil {
			return err
		}
		return right.Watch("link", paced(Config{Neighbor: linkLocal(t, a, "eth1").WithZone("eth1")}))
	}))
	eventually(t, "both sessions are up", func() bool {
		st := left.Status().Sessions
		return st[0].State == Up && st[1].State == Up
	})
}

// A neighbour that goes on sending is not called silent because this process was held up.
func TestAProcessThatWasHeldUpLooksBeforeItJudges(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a, b := newNode(t, lab, "a", "10.99.0.1/24"), newNode(t, lab, "b", "10.99.0.2/24")
	s := speak(t, a, paced(Config{Neighbor: addr("10.99.0.2")}))
	var peer *sender
	must(t, b.Do(func() (err error) { peer, err = openSender(Config{Neighbor: addr("10.99.0.1")}.complete()); return err }))
	defer peer.close()
	says := Packet{State: Init, Multiplier: attempts, MyDiscriminator: 7, YourDiscriminator: s.session().Discriminator, DesiredMinTX: pace, RequiredMinRX: pace}
	must(t, peer.send(says))
	s.goes(true, NoDiagnostic)
	says.State = Up
	goOn := func(d time.Duration) {
		for range int(d / (pace / 4)) {
			must(t, peer.send(says))
			<-time.After(pace / 4)
		}
	}
	goOn(pace)
	s.mu.Lock()
	goOn(3 * detect)
	s.mu.Unlock()
	goOn(2 * pace)
	if st := s.session(); st.Downs > 0 || st.State != Up {
		t.Errorf("it called its neighbour silent: %+v", st)
	}
	s.goes(false, DetectionTimeExpired)
}

func TestWhatCannotBeWatchedIsSaid(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	watch := func(s *Speaker, name string, c Config, want string) {
		t.Helper()
		err := a.Do(func() error { return s.Watch(name, c) })
		if want == "" {
			must(t, err)
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to tell %q", err, want)
		}
	}
	first, second := Open(Options{}), Open(Options{})
	watch(first, "x", Config{}, "bfd session x: neighbor: none given")
	watch(first, "x", Config{Neighbor: addr("10.99.0.2")}, "")
	watch(first, "y", Config{Neighbor: addr("10.99.0.2")}, "that of session x already")
	watch(second, "x", Config{Neighbor: addr("10.99.0.2")}, "listen on UDP port 3784: address already in use (another BFD daemon holds it")
	watch(second, "x", Config{Neighbor: addr("fd99::2")}, "")
	first.Forget("x")
	first.Forget("x")
	watch(second, "y", Config{Neighbor: addr("10.99.0.2")}, "") // the port is free again
	must(t, first.Close())
	must(t, first.Close())
	must(t, second.Close())
	watch(first, "x", Config{Neighbor: addr("10.99.0.2")}, "closed")
	if _, open := <-first.Changes(); open {
		t.Error("changes go on after the end")
	}
}
