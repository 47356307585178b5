// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover/flow"
	"github.com/regent-ha/regent/takeover/tickle"
)

// openCensus begins to count connections. Without a channel there is nobody to tell, and nobody to hear of.
func (d *Daemon) openCensus(ctx context.Context, parts *sync.WaitGroup) {
	if d.channel == nil {
		return
	}
	s, err := tickle.Open(tickle.Options{Logger: d.o.Log})
	if err != nil {
		d.o.Log.Warn("idle clients will not be told when their service moves here", "error", err)
	}
	d.tickler = s
	d.census = newCensus(d.o.Log, func(to string, message []byte) bool {
		if err := d.channel.Send(to, message); err != nil {
			d.o.Log.Debug("connections cannot be told", "to", to, "error", err)
			return false
		}
		return true
	})
	parts.Go(func() { d.census.run(ctx) })
	parts.Go(func() { d.census.watch(ctx) })
}

// recount tells the census what is performed here.
func (d *Daemon) recount() {
	if d.census == nil {
		return
	}
	s := survey{served: map[string][]netip.Addr{}, peers: map[string][]string{}, allowed: map[string][]netip.Addr{}}
	for _, r := range d.routers {
		name := r.service.Name
		if r.active() && (r.duty == dutyServe || !r.guarded) {
			s.served[name] = append(s.served[name], r.addresses()...)
			if s.peers[name] == nil {
				s.peers[name] = d.heirs(r.service)
			}
		}
		s.allowed[name] = append(s.allowed[name], r.addresses()...)
	}
	d.census.set(s)
}

// heirs are the other nodes that may inherit a service.
func (d *Daemon) heirs(s *conf.Service) []string {
	var names []string
	for name, n := range d.cfg.Nodes {
		if name == d.cfg.Node || !n.Address.IsValid() {
			continue
		}
		as := *d.cfg
		as.Node = name
		if conf.TakesPart(&as, s) {
			names = append(names, name)
		}
	}
	return names
}

// wake tells the clients that had connections with the former holder of addresses.
func (d *Daemon) wake(hs []holding) {
	if d.census == nil || d.tickler == nil {
		return
	}
	links := map[string]int{} // by service
	for _, h := range hs {
		links[h.router.service.Name] = h.address.Link
	}
	d.census.inherit(slices.Sorted(maps.Keys(links)), func(service string, flows *flow.List) {
		d.tickler.StartOn(flows, links[service])
		d.post(func() {
			d.report.Report(event.Tickled, fmt.Sprintf("%s: %d clients of the former holder are told", service, flows.Len()), "service", service, "connections", flows.Len())
		})
	})
}

// rest tells no more clients of addresses that are given up.
func (d *Daemon) rest(addrs []netip.Addr) {
	if d.tickler != nil {
		d.tickler.Cancel(addrs)
	}
}
