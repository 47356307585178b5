// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/netlab"
)

// The nodes of a segment: high wins every election that is decided by priority or by address.
const (
	high = "high"
	low  = "low"
)

// slack is what the machine may add to an election; startup is what the start of a daemon may.
const (
	slack   = 300 * time.Millisecond
	startup = 4 * time.Second
)

// maker makes a daemon that keeps its files in dir.
type maker func(dir string) Daemon

// segment is one network with two daemons, and all that is recorded of it.
type segment struct {
	t       *testing.T
	ctx     context.Context
	nodes   map[string]*netlab.Node
	daemons map[string]Daemon
	routers map[string]Router
	run     Run
	watcher *Watcher
	capture *netlab.Capture
	began   time.Time
	end     func()
	err     error    // the first; nothing happens after it
	unclean []string // daemons that did not end as they should
}

// address returns the source of adverts of the n-th node. FRR sends from its macvlan, whose address must differ from
// the one of eth0; like that one it orders by node.
func address(ipv6 bool, n int, daemon string) netip.Addr {
	switch {
	case !ipv6:
		return netip.MustParseAddr(fmt.Sprintf("10.99.0.%d", n))
	case daemon == "frr":
		return netip.MustParseAddr(fmt.Sprintf("fe80::ff:%x:%d", 0xfb00+0x200*n, n))
	default:
		return netip.MustParseAddr(fmt.Sprintf("fe80::ff:fe00:%d", n))
	}
}

// newSegment lays the network and makes the daemons; nothing runs yet. The winner has the lower address, so that a
// daemon which compares addresses before priorities is found out, unless the address is to decide.
func newSegment(t *testing.T, proto protocol, makers map[string]maker, byAddress bool) *segment {
	t.Helper()
	lab := netlab.Test(t)
	dir, err := os.MkdirTemp("", "peers") // short: the names of sockets are below it
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	ctx, cancel := context.WithCancel(t.Context())
	s := &segment{
		t: t, ctx: ctx, nodes: map[string]*netlab.Node{}, daemons: map[string]Daemon{}, routers: map[string]Router{},
		began: time.Now(),
		run:   Run{VRID: 51, Version: proto.version, Nodes: map[netip.Addr]string{}},
	}
	order := []string{high, low}
	if byAddress {
		order = []string{low, high}
	}
	var nodes []*netlab.Node
	for i, name := range order {
		node, err := lab.Node(name, fmt.Sprintf("10.99.0.%d/24", i+1), fmt.Sprintf("2001:db8:99::%d/64", i+1))
		must(t, err)
		nodes = append(nodes, node)
		daemon := makers[name](filepath.Join(dir, name))
		s.nodes[name], s.daemons[name] = node, daemon
		source := address(proto.ipv6, i+1, daemon.Name())
		s.run.Nodes[source] = name
		r := proto.router()
		r.Source, r.Priority = source, map[string]int{high: 150, low: 100}[name]
		if proto.unicast {
			r.Peers = []netip.Addr{address(proto.ipv6, 2-i, makers[order[1-i]]("").Name())}
		}
		s.routers[name] = r
	}
	if proto.unicast {
		must(t, introduce(nodes))
	}
	for _, a := range s.routers[high].Addresses {
		s.run.Addresses = append(s.run.Addresses, a.Addr())
	}
	s.capture, err = lab.Capture("segment", "")
	must(t, err)
	s.watcher, err = NewWatcher(s.run.Addresses, nodes...)
	must(t, err)
	var watching sync.WaitGroup
	watching.Go(func() { s.watcher.Run(ctx) })
	s.end = sync.OnceFunc(func() {
		cancel()
		watching.Wait()
		for _, d := range s.daemons {
			if err := d.Cleanup(); err != nil {
				s.unclean = append(s.unclean, fmt.Sprintf("clean up after %s: %v", d.Name(), err))
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the daemons' directory: %v", err)
		}
	})
	t.Cleanup(s.end)
	return s
}

// introduce makes the nodes know each other's hardware addresses: without multicast, a node that is cut off from the
// start would not get as far as sending an advert.
func introduce(nodes []*netlab.Node) error {
	for i, node := range nodes {
		peer := nodes[1-i]
		err := node.Netlink().NeighSet(&netlink.Neigh{
			LinkIndex: node.Index("eth0"), State: netlink.NUD_PERMANENT,
			IP: address(false, 2-i, "").AsSlice(), HardwareAddr: peer.Port("eth0").MAC(),
		})
		if err != nil {
			return fmt.Errorf("introduce node %s to %s: %w", peer.Name(), node.Name(), err)
		}
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check remembers the first error; the rest of the story is not played then.
func (s *segment) check(err error) {
	if s.err == nil {
		s.err = err
	}
}

// change edits the router of a node that was not started yet.
func (s *segment) change(node string, edit func(r *Router)) {
	r := s.routers[node]
	edit(&r)
	s.routers[node] = r
}

// start starts the daemons of the nodes.
func (s *segment) start(nodes ...string) {
	for _, n := range nodes {
		s.watcher.Killed(n, false)
		s.check(s.daemons[n].Start(s.context(), s.nodes[n], s.routers[n]))
	}
}

// context outlives the test's own one, which ends before the daemons are asked to stop.
func (s *segment) context() context.Context { return context.WithoutCancel(s.ctx) }

// kill kills a daemon; its addresses are not held against it any more.
func (s *segment) kill(node string) {
	s.watcher.Killed(node, true)
	s.check(s.daemons[node].Kill9())
}

// down is a node's Active_Down_Interval while the other node is Active.
func (s *segment) down(node string) time.Duration {
	return s.routers[node].DownInterval(s.routers[other(node)].Interval)
}

// skew is a node's Skew_Time while the other node is Active.
func (s *segment) skew(node string) time.Duration {
	return s.routers[node].Skew(s.routers[other(node)].Interval)
}

func other(node string) string {
	if node == high {
		return low
	}
	return high
}

// expect makes the event happen and waits until the stretch's winner has won and stood for longer than any
// Active_Down_Interval, or until it is clear that it will not. The judge decides later, from the records.
func (s *segment) expect(st Stretch, event func()) {
	if s.err != nil {
		return
	}
	st.Interval = s.routers[st.Active].Interval
	st.Hold = max(s.down(high), s.down(low), s.routers[high].DownInterval(s.routers[high].Interval)) + 100*time.Millisecond
	st.From = time.Now().Round(0)
	s.endStretch(st.From)
	event()
	settled := func() bool { return s.run.wrongHolders(st, s.watcher.Last()) == "" && s.lastAdvert() == st.Active }
	// An error is the judge's to name.
	_ = Await(s.ctx, time.Until(st.From.Add(st.Window))+slack, "settle", settled)
	s.pause(st.Hold + 100*time.Millisecond)
	s.run.Stretches = append(s.run.Stretches, st)
}

// lastAdvert is the node that the newest advert on the wire came from; the judge uses tshark instead.
func (s *segment) lastAdvert() string {
	frames := s.capture.Frames()
	for i := len(frames) - 1; i >= 0; i-- {
		if _, priority, ok := frames[i].VRRP(); ok && priority > 0 {
			source, _, _, _, _ := frames[i].IP()
			return s.run.Nodes[source]
		}
	}
	return ""
}

// await waits for what has to be before the story goes on.
func (s *segment) Await(limit time.Duration, what string, condition func() bool) {
	if s.err == nil {
		s.check(Await(s.ctx, limit, what, condition))
	}
}

// pause lets time pass that belongs to what is tested.
func (s *segment) pause(d time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-time.After(d):
	}
}

func (s *segment) endStretch(at time.Time) {
	if n := len(s.run.Stretches); n > 0 && s.run.Stretches[n-1].To.IsZero() {
		s.run.Stretches[n-1].To = at
	}
}

// judge ends the records and the daemons and gives the records to the judge. Beside the verdicts it returns everything
// that is wrong.
func (s *segment) judge() (verdicts []Verdict, faults []string) {
	s.t.Helper()
	s.endStretch(time.Now().Round(0))
	path, err := s.capture.Stop()
	s.check(err)
	s.end()
	s.run.Adverts, err = netlab.Adverts(s.context(), path)
	s.check(err)
	s.run.Samples, err = s.watcher.Samples()
	s.check(err)
	if s.err != nil {
		faults = append(faults, s.err.Error())
	}
	general, verdicts := s.run.Judge()
	if n := len(general); n > 10 {
		general = append(general[:10], fmt.Sprintf("… and %d more", n-10))
	}
	faults = append(faults, general...)
	for i, v := range verdicts {
		s.t.Logf("%s %s: advertiser %s, holder %s, silence %s, left %s", clock(s.run.Stretches[i].From), v.Event,
			round(v.Advertiser), round(v.Holder), round(v.Silence), round(v.Left))
		for _, f := range v.Faults {
			faults = append(faults, v.Event+": "+f)
		}
	}
	return verdicts, faults
}

// unwatchedFor is the longest time between two samples: longer than planned if the machine, or a lock of its kernel,
// was busy with something else.
func (s *segment) unwatchedFor() (longest time.Duration) {
	for i := 1; i < len(s.run.Samples); i++ {
		longest = max(longest, s.run.Samples[i].At.Sub(s.run.Samples[i-1].At)-watchEvery)
	}
	return longest
}
