// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/takeover/flow"
)

// How often connections are counted: so often that a connection is known soon, and so seldom that counting takes a twentieth
// of a processor at most.
const (
	censusEvery = time.Second
	censusShare = 20
)

// census knows the connections of services. What is performed here is counted and told to the nodes that may inherit it; what
// others tell is kept, so that their clients can be told when a service is inherited. It has a goroutine of its own, and
// another one for the counting: neither may keep the actor waiting.
type census struct {
	log    *slog.Logger
	tell   func(to string, message []byte) bool
	calls  chan func()
	demand chan []netip.Addr // whose connections are to be counted; only the newest waits

	mirror  *flow.Mirror
	budget  *flow.Budget
	served  map[string]*serving
	byAddr  map[netip.Addr]*serving
	refused uint64 // messages that made no sense
}

// serving is a service that is performed here.
type serving struct {
	table  *flow.Table
	source *flow.Source
	flows  []flow.Flow // of the sample at hand
}

// survey is what the actor asks the census for.
type survey struct {
	served  map[string][]netip.Addr // services that are performed here
	peers   map[string][]string     // of these, the nodes that may inherit them
	allowed map[string][]netip.Addr // services that others may tell of
}

func newCensus(log *slog.Logger, tell func(to string, message []byte) bool) *census {
	return &census{
		log: log, tell: tell, calls: make(chan func(), 64), demand: make(chan []netip.Addr, 1),
		mirror: flow.NewMirror(flow.MirrorOptions{}), budget: flow.NewBudget(0, 0), served: map[string]*serving{},
	}
}

// run is the goroutine that owns the census.
func (c *census) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-c.calls:
			f()
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		now := clock()
		again := now + censusEvery
		for _, s := range c.served {
			again = min(again, s.source.Next(now, c.budget, c.tell))
		}
		for _, name := range c.mirror.Expire(now) {
			c.log.Debug("connections that nobody confirms are forgotten", "service", name)
		}
		timer.Reset(max(time.Millisecond, again-clock()))
	}
}

// do runs f in the census, soon. A census that is far behind misses it: what it knows is not vital.
func (c *census) do(f func()) bool {
	select {
	case c.calls <- f:
		return true
	default:
		return false
	}
}

// set changes what is performed here, and who may be told and may tell. The caller does not change it afterwards.
func (c *census) set(s survey) {
	c.do(func() {
		c.mirror.Allow(s.allowed)
		for name := range c.served {
			if s.served[name] == nil {
				delete(c.served, name)
			}
		}
		c.byAddr = map[netip.Addr]*serving{}
		var addrs []netip.Addr
		for _, name := range slices.Sorted(maps.Keys(s.served)) {
			v := c.served[name]
			if v == nil {
				// Later than all before: by the clock, and whatever the clocks of others said.
				epoch := max(uint64(time.Now().UnixNano()), c.mirror.State(name).Epoch+1) //nolint:gosec // after 1970
				table := &flow.Table{}
				source, err := flow.NewSource(name, epoch, table)
				if err != nil {
					c.log.Debug("connections are not told", "service", name, "error", err)
					continue
				}
				v = &serving{table: table, source: source}
				c.served[name] = v
			}
			v.source.SetPeers(s.peers[name])
			for _, a := range s.served[name] {
				c.byAddr[a] = v
				addrs = append(addrs, a)
			}
		}
		select {
		case <-c.demand: // an older one
		default:
		}
		c.demand <- addrs
	})
}

// hear takes in what another node tells.
func (c *census) hear(from string, message []byte) {
	c.do(func() {
		kind, service, err := flow.Peek(message)
		var reply []byte
		switch {
		case err != nil:
		case kind == flow.KindUpdate:
			reply, err = c.mirror.Receive(clock(), from, message)
		default:
			if s := c.served[service]; s != nil {
				err = s.source.Receive(from, message)
			}
		}
		if err != nil {
			c.refused++
			c.log.Debug("what another node tells of connections makes no sense", "from", from, "error", err)
		}
		if reply != nil {
			c.tell(from, reply)
		}
	})
}

// renew tells a node that has started again everything once more.
func (c *census) renew(node string) {
	c.do(func() {
		for _, s := range c.served {
			s.source.Renew(node)
		}
	})
}

// inherit hands the known connections of services to f, and forgets them.
func (c *census) inherit(services []string, f func(service string, flows *flow.List)) {
	c.do(func() {
		for _, name := range services {
			if list := c.mirror.Flows(name); list.Len() > 0 {
				f(name, list)
			}
			c.mirror.Drop(name)
		}
	})
}

// watch is the goroutine that counts.
func (c *census) watch(ctx context.Context) {
	var sampler *flow.Sampler
	defer func() {
		if sampler != nil {
			if err := sampler.Close(); err != nil {
				c.log.Debug("the sampler of connections does not close", "error", err)
			}
		}
	}()
	var addrs []netip.Addr
	var flows []flow.Flow
	timer := time.NewTimer(censusEvery)
	defer timer.Stop()
	failing := false
	for {
		select {
		case addrs = <-c.demand:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if len(addrs) == 0 {
			timer.Stop()
			continue
		}
		start := time.Now()
		var err error
		if sampler == nil {
			sampler, err = flow.OpenSampler(c.log)
		}
		if err == nil {
			flows, err = sampler.Sample(addrs, flows[:0])
		}
		if err != nil {
			if !failing {
				c.log.Warn("connections cannot be counted: idle clients will not be told when their service moves", "error", err)
			}
			failing = true
			timer.Reset(10 * censusEvery)
			continue
		}
		failing = false
		took := time.Since(start)
		done := make(chan struct{})
		select {
		case c.calls <- func() { c.counted(flows); close(done) }:
			<-done
		case <-ctx.Done():
			return
		}
		timer.Reset(max(censusEvery, censusShare*took))
	}
}

// counted takes in a sample.
func (c *census) counted(flows []flow.Flow) {
	for _, s := range c.served {
		s.flows = s.flows[:0]
	}
	for i := range flows {
		if s := c.byAddr[flows[i].Local.Addr()]; s != nil {
			s.flows = append(s.flows, flows[i])
		}
	}
	now := clock()
	for _, s := range c.served {
		s.table.Set(now, s.flows)
	}
}
