// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/arbiter"
	"github.com/regent-ha/regent/internal/bfd"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/policy/agent"
	"github.com/regent-ha/regent/takeover/control"
)

// openPolicy opens what policy knows by and acts with. Nothing in it is needed to answer for an address, so nothing in it
// fails the start.
func (d *Daemon) openPolicy(ctx context.Context) {
	var saved agent.Saved
	var err error
	d.store, saved, err = openStore(d.o.StateDir, time.Now(), func(number uint64, err error) {
		d.post(func() { d.durable(number, err) })
	})
	if err != nil {
		d.report.Report(event.StateFailed, fmt.Sprintf("runtime policy: %v", err))
	}
	d.mind = agent.New(clock(), agentOptions(d.cfg, saved))
	for i := range d.cfg.Services {
		if k := d.cfg.Services[i].Control; k != nil {
			d.controls[d.cfg.Services[i].Name] = k
		}
	}
	d.alarm = time.NewTimer(0)
	d.checks = monitor.New(monitor.Options{Logger: d.o.Log})
	d.sessions = openSessions(bfd.Options{Logger: d.o.Log})
	d.performer = &performer{control: control.New(d.o.Log), last: map[string]*job{}}
	d.openArbiter()
	d.openChannel()
	d.beginMeasuring(ctx)
}

// openArbiter opens the one that the file names. One that cannot be opened grants nothing: the agent waits, and refuses.
func (d *Daemon) openArbiter() {
	c := d.cfg.Cluster
	if c == nil || c.Arbiter != conf.ArbiterEtcd || c.Etcd == nil {
		d.lessor = arbiter.None()
		return
	}
	a, err := arbiter.NewEtcd(arbiter.EtcdOptions{
		Cluster: c.Name, Node: d.cfg.Node, Endpoints: c.Etcd.Endpoints, User: c.Etcd.User, Password: c.Etcd.Password.Reveal(),
		CAFile: c.Etcd.CAFile, CertFile: c.Etcd.CertFile, KeyFile: c.Etcd.KeyFile, Logger: d.o.Log,
	})
	if err != nil {
		d.report.Report(event.LeaseDenied, fmt.Sprintf("the arbiter cannot be used, nothing is served: %v", err), "reason", err.Error())
		d.lessor = arbiter.Never(err)
		return
	}
	d.lessor = a
}

// closePolicy closes all of it. Services that run are left as they are: a stop has ended them before.
func (d *Daemon) closePolicy() error {
	var errs []error
	if d.checks != nil {
		d.checks.Close()
	}
	errs = append(errs, d.sessions.close())
	if d.performer != nil {
		d.performer.running.Wait()
	}
	if d.lessor != nil {
		errs = append(errs, d.lessor.Close())
	}
	if d.channel != nil {
		errs = append(errs, d.channel.Close())
	}
	d.store.close()
	return errors.Join(errs...)
}

// durable takes in that runtime policy is on the disk, or is not.
func (d *Daemon) durable(number uint64, err error) {
	if err != nil {
		d.report.Report(event.StateFailed, fmt.Sprintf("runtime policy: %v", err))
	}
	d.mind.Durable(clock(), number, err == nil)
}

// followLeases carries what the arbiter says to the actor.
func (d *Daemon) followLeases(ctx context.Context) {
	for {
		select {
		case e, open := <-d.lessor.Events():
			if !open {
				return
			}
			d.post(func() { d.leased(e) })
		case <-ctx.Done():
			return
		}
	}
}

func (d *Daemon) leased(e arbiter.Event) {
	now := clock()
	until, why := time.Duration(0), ""
	if !e.Until.IsZero() {
		// The later the instant is looked at, the less is left of it: never more than was granted.
		until = now + time.Until(e.Until)
	}
	if e.Err != nil {
		why = e.Err.Error()
	}
	d.mind.Leased(now, e.Service, e.Held, until, why)
}

// beginMeasuring watches the load by the present configuration.
func (d *Daemon) beginMeasuring(ctx context.Context) {
	if d.measuring != nil {
		d.measuring()
	}
	ctx, d.measuring = context.WithCancel(ctx)
	overload := d.cfg.Policy.Overload
	go d.measure(ctx, overload)
}

// reloadPolicy takes in another configuration.
func (d *Daemon) reloadPolicy(c conf.Changes) {
	var gone []string
	for _, s := range c.Services {
		if s.Kind == conf.Removed {
			gone = append(gone, s.Name)
			delete(d.preferences, s.Name)
		}
	}
	for i := range d.cfg.Services {
		if k := d.cfg.Services[i].Control; k != nil {
			d.controls[d.cfg.Services[i].Name] = k
		}
	}
	d.mind.Reload(clock(), agentOptions(d.cfg, agent.Saved{}))
	d.reloading = true
	d.watchServices(gone, true)
	d.reloading = false
	d.beginMeasuring(d.life)
	if d.channel != nil && hasChannel(d.cfg) {
		if err := d.channel.SetKeys(channelKeys(d.cfg)); err != nil {
			d.report.Report(event.ChannelFailed, fmt.Sprintf("cluster keys: %v", err))
		}
		d.channel.SetPeers(channelPeers(d.cfg))
	}
	d.think()
}

// service returns the configuration of a service, nil if it has none.
func (d *Daemon) service(name string) *conf.Service {
	for i := range d.cfg.Services {
		if d.cfg.Services[i].Name == name {
			return &d.cfg.Services[i]
		}
	}
	return nil
}
