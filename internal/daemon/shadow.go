// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/internal/shadow"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// ShadowOptions is what a shadow is started with.
type ShadowOptions struct {
	Config *conf.Config
	Log    *slog.Logger
	Checks bool // the checks are run, so that their weights count
	Found  func(shadow.Finding)
}

// Shadow listens beside another VRRP daemon of this host until ctx ends, and compares what it does with what Regent would do. It
// sends nothing, joins no group and changes nothing; checks are run if that is wanted. It returns how each virtual router stands.
// Only services with a priority by hand can be compared: what policy decides no other daemon knows.
func Shadow(ctx context.Context, o ShadowOptions) ([]shadow.Line, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch, err := takeover.Watch(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	d := &Daemon{o: Options{Config: o.Config, Log: o.Log}, cfg: o.Config, report: event.NewReporter(o.Log, o.Config.Node), watched: map[string][]conf.HealthCheck{}, results: map[string][]*monitor.Result{}}
	routers, err := d.shadows(watch)
	if err != nil {
		return nil, err
	}
	tap, err := openTap()
	if err != nil {
		return nil, err
	}
	defer tap.close()
	c, err := shadow.New(transport.Now(), routers)
	if err != nil {
		return nil, err
	}
	var results <-chan monitor.Result
	if o.Checks {
		d.checks = monitor.New(monitor.Options{Logger: o.Log})
		defer d.checks.Close()
		results = d.checks.Results()
		d.shadowChecks(c)
	}
	packets := make(chan heard, 256)
	go tap.read(ctx, packets)
	var found []shadow.Finding
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.Lines(transport.Now()), nil
		case p, open := <-packets:
			if !open {
				return c.Lines(transport.Now()), errors.New("the packet socket was closed")
			}
			now := transport.Now()
			c.SetWall(now, time.Now())
			if p.outgoing {
				found = c.Said(now, p.Packet, found[:0])
			} else {
				found = c.Heard(now, p.Packet, found[:0])
			}
		case r := <-results:
			known := d.results[r.Service]
			if r.Index < len(known) {
				known[r.Index] = &r
				d.shadowHand(c, r.Service)
			}
			found = found[:0]
		case <-timer.C:
			found = c.Expire(transport.Now(), found[:0])
		}
		for _, f := range found {
			o.Found(f)
		}
		timer.Reset(max(time.Millisecond, min(time.Minute, c.Deadline().Sub(transport.Now()))))
	}
}

// shadows are the virtual routers that can be compared.
func (d *Daemon) shadows(watch *takeover.Watcher) ([]shadow.Router, error) {
	links := map[string]takeover.LinkState{}
	for _, l := range watch.Snapshot() {
		links[l.Name] = l
	}
	ours := map[netip.Addr]bool{}
	for _, s := range d.cfg.Services {
		for _, p := range append(s.Prefixes(false), s.Prefixes(true)...) {
			ours[p.Addr()] = true
		}
	}
	var out []shadow.Router
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		if !s.Raw {
			d.o.Log.Warn("policy decides on this service: it cannot be compared", "service", s.Name)
			continue
		}
		for _, sp := range specs(d.cfg, s, byHand(s, nil), 0) {
			link := links[s.Interface]
			src, err := source(link, &sp, ours)
			if err != nil {
				d.o.Log.Warn("a service cannot be compared", "service", s.Name, "family", sp.vrrp.Family.String(), "error", err)
				continue
			}
			out = append(out, shadow.Router{ID: vrrp.ID(len(out) + 1), Name: s.Name, Config: sp.vrrp, Link: vrrp.Link{Interface: link.Index, Source: src}})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nothing to compare: none of the %d services of the file can be", len(d.cfg.Services))
	}
	return out, nil
}

// shadowChecks runs the checks.
func (d *Daemon) shadowChecks(c *shadow.Comparison) {
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		checks := checksFor(d.cfg, s)
		if !s.Raw || len(checks) == 0 {
			continue
		}
		d.watched[s.Name], d.results[s.Name] = checks, make([]*monitor.Result, len(checks))
		for j, k := range checks {
			if k.Kind == conf.CheckBFD { // the other daemon has the session, and the port
				d.o.Log.Warn("a bfd session cannot be watched beside another daemon: it is taken for up", "service", s.Name, "check", nameOf(k))
				d.results[s.Name][j] = &monitor.Result{Service: s.Name, Index: j, OK: !k.Reverse, Detail: "taken for up"}
			}
		}
		d.checks.Watch(s.Name, d.checksOf(s.Name, checks))
	}
	for name := range d.watched {
		d.shadowHand(c, name)
	}
}

// shadowHand applies the results of a service's checks, as far as they are known.
func (d *Daemon) shadowHand(c *shadow.Comparison, name string) {
	s := d.service(name)
	p := d.joined(s)
	now := transport.Now()
	c.SetPart(now, name, p.takes)
	if p.takes {
		c.SetPriority(now, name, vrrp.Priority(p.priority))
	}
}
