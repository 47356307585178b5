// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/responder"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// open opens the kernel's side of everything. What was opened is closed by [Daemon.close], also after an error.
func (d *Daemon) open(ctx context.Context) (err error) {
	d.recorder = newRecorder(d.o.StateDir, recordName, func(err error) {
		d.o.Log.Warn("the record of addresses cannot be written; a kernel before 5.18 would not know what a crash leaves", "error", err)
	})
	d.openPolicy(ctx)
	d.openNotify()
	if d.loop, err = transport.New(transport.Options{Logger: d.o.Log}); err != nil {
		return err
	}
	if d.kernel, err = takeover.Open(d.o.Log); err != nil {
		return err
	}
	if err = d.openPaths(); err != nil {
		return err
	}
	if d.watch, err = takeover.Watch(ctx, d.o.Log); err != nil {
		return err
	}
	if d.announce, err = takeover.NewAnnouncer(d.o.Log); err != nil {
		return err
	}
	d.announce.Confirm(d.loop.Steady)
	if fd, ok := d.announce.Descriptor(); ok {
		d.o.Parent.Hold(fd)
	}
	d.respond, err = responder.Open(ctx, responder.Options{Logger: d.o.Log, Speaker: d.openSpeaker(), Notify: func(e responder.Event) {
		select {
		case d.refusals <- e:
		default: // the actor is far behind; the log has what the rules themselves say
			d.o.Log.Warn(e.Text)
		}
	}})
	return err
}

// close closes in the reverse order. The refusing rules go only after an orderly stop: else they stay and fail closed.
func (d *Daemon) close() error {
	var errs []error
	errs = append(errs, d.closeFilter(), d.closeVirtual())
	if d.respond != nil {
		errs = append(errs, d.respond.Close(d.stopping))
	}
	if d.speaker != nil {
		errs = append(errs, d.speaker.Close())
	}
	if d.tickler != nil {
		errs = append(errs, d.tickler.Close())
	}
	if d.announce != nil {
		errs = append(errs, d.announce.Close())
	}
	if d.kernel != nil {
		for _, restore := range d.restore {
			errs = append(errs, restore())
		}
		errs = append(errs, d.kernel.Close())
	}
	errs = append(errs, d.closePaths())
	d.recorder.close()
	errs = append(errs, d.closePolicy(), d.closeNotify())
	if d.stopping {
		d.report.Report(event.Stopped, "stopped")
		d.o.Parent.Farewell()
	}
	return errors.Join(errs...)
}

// begin starts the configured services: what an earlier run left is removed before the first advert, refuse elements
// are in place before the first address.
func (d *Daemon) begin() error {
	d.readStatic(d.cfg)
	if err := d.removeLeftovers(); err != nil {
		return err
	}
	if err := d.removeLeftPaths(); err != nil {
		return err
	}
	hold := time.Duration(0)
	if d.afterCrash() {
		hold = afterCrash
		d.report.Report(event.AfterCrash, "started again after a crash: nobody is pre-empted for a minute")
	}
	services := make([]*conf.Service, len(d.cfg.Services))
	for i := range d.cfg.Services {
		services[i] = &d.cfg.Services[i]
	}
	d.watchServices(nil, false)
	d.think()                                               // with which priorities to begin
	delay := max(d.cfg.StartDelay, d.cfg.BootDelay-clock()) // the clock begins with the system
	if delay > 0 {
		d.o.Log.Info(fmt.Sprintf("Delaying startup for %g seconds", delay.Seconds()))
	}
	if err := d.create(services, hold, delay, false); err != nil {
		return err
	}
	d.regroup()
	if d.respond.Mechanism() == "kernel" {
		d.report.Report(event.RefusalKernel, "nftables cannot be used: "+d.respond.Detail())
	}
	d.guard()
	d.openFilter(d.life, true)
	d.limit()
	d.linksChanged(takeover.Change{})
	d.report.Report(event.Started, fmt.Sprintf("started with %d services", len(d.cfg.Services)), "routers", len(d.routers))
	d.o.Parent.Ready(fmt.Sprintf("%d services", len(d.cfg.Services)))
	return nil
}

// afterCrash reports whether the worker before this one died.
func (d *Daemon) afterCrash() bool { return d.o.Parent != nil && d.o.Parent.AfterCrash }

// removeLeftovers removes the addresses that an earlier run left on the interfaces. After a crash those that are still
// configured are the supervisor's: they answer until an heir is heard, or until this worker takes them.
func (d *Daemon) removeLeftovers() error {
	left, err := d.kernel.Leftovers()
	if err != nil {
		return fmt.Errorf("look for addresses of an earlier run: %w", err)
	}
	records, err := readRecord(d.o.StateDir)
	if err != nil { // the leases end what it would have told of
		d.o.Log.Warn("the record of addresses cannot be read", "error", err)
	}
	links, err := d.kernel.Links()
	if err != nil {
		return fmt.Errorf("look for addresses of an earlier run: %w", err)
	}
	if len(records) > 0 {
		for _, a := range takeover.Recorded(links, records) {
			if !slices.Contains(left, a) {
				left = append(left, a)
			}
		}
	}
	left = slices.DeleteFunc(left, d.isStatic(links))
	if d.afterCrash() {
		ours := map[netip.Addr]bool{}
		for _, s := range d.cfg.Services {
			for _, p := range append(s.Prefixes(false), s.Prefixes(true)...) {
				ours[p.Addr()] = true
			}
			for _, e := range s.Excluded {
				ours[e.Prefix.Addr()] = true
			}
		}
		configured := func(a takeover.Address) bool { return ours[a.Prefix.Addr()] }
		d.keepAnswering(slices.DeleteFunc(slices.Clone(left), func(a takeover.Address) bool { return !configured(a) }))
		left = slices.DeleteFunc(left, configured)
	}
	errs := d.kernel.Delete(left)
	for i, a := range left {
		if errs != nil && errs[i] != nil {
			d.report.Report(event.AddressFailed, fmt.Sprintf("remove %s of an earlier run: %v", a.Prefix, errs[i]), "address", a.Prefix)
			continue
		}
		d.report.Report(event.LeftoverRemoved, fmt.Sprintf("%s was left by an earlier run; removed", a.Prefix), "address", a.Prefix)
	}
	return nil
}

// gatherShare is the share of the shortest interval within which the loop may take what arrives together: 2 ms of a second.
const gatherShare = 500

// limit tells the supervisor how long the heartbeat may stay away: the longest Active_Down_Interval, half a second at
// least.
func (d *Daemon) limit() {
	limit, shortest := 500*time.Millisecond, time.Second
	err := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range d.routers {
			if st, ok := v.Status(r.id); ok {
				limit, shortest = max(limit, st.ActiveDownInterval), min(shortest, st.ActiveInterval)
			}
		}
		return out
	})
	if err == nil {
		d.loop.Rest(min(limit/12, loopHealthy/2)) // a beat at least for each heartbeat
		d.loop.Gather(shortest / gatherShare)
		d.o.Parent.Limit(limit)
	}
}

// refusalEvent reports what happened to the refusing rules.
func (d *Daemon) refusalEvent(e responder.Event) {
	switch e.Kind {
	case responder.Restored:
		d.report.Report(event.RefusalRestored, e.Text)
	case responder.WildcardFound:
		d.report.Report(event.WildcardFound, e.Text)
	case responder.WildcardGone:
		d.report.Report(event.WildcardGone, e.Text)
	case responder.RestoreFailed, responder.CheckFailed:
		d.report.Report(event.RefusalFailed, fmt.Sprintf("%s: %v", e.Text, e.Err))
	}
}

// sendFaults reports adverts that do not leave, and that they leave again. What an interface that is not ready causes is
// known from the interface itself.
func (d *Daemon) sendFaults(fs []transport.Fault) {
	for _, f := range fs {
		r := d.byID[f.ID]
		if r == nil || f.Class == transport.NotReady {
			continue
		}
		id := event.SendFailed
		if f.Err == nil {
			id = event.SendRecovered
		}
		d.report.Report(id, fmt.Sprintf("%s: %s", r.service.Name, f), r.fields("destination", f.Destination)...)
	}
}
