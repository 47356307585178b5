// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/filter"
)

// closed are the addresses that take no packets.
type closed struct {
	filter *filter.Filter   // nil: none was ever wanted, or it is not to be had
	kept   []filter.Address // of a worker that crashed: the supervisor may still have them
	failed bool             // the last change failed; it is tried again
}

// ownerPriority is that of the owner of an address, who always takes packets (RFC 9568 section 6.4.3).
const ownerPriority = 255

// silentAddresses reports whether the addresses of a router take no packets while it is Active. What is refused is answered
// with errors: that is the better word to a client, and what the file asks for by its own key.
func (s *spec) silentAddresses() bool {
	return !s.service.Accept && s.vrrp.Priority != ownerPriority && (!s.guarded || s.duty == dutyServe)
}

// wantedSilent are the addresses that take no packets: those that are here or about to come, and what was kept.
func (d *Daemon) wantedSilent() []filter.Address {
	var out []filter.Address
	for _, r := range d.routers {
		if r.active() && len(d.closed.kept) > 0 { // this worker has them now
			all := r.everything()
			d.closed.kept = slices.DeleteFunc(d.closed.kept, func(a filter.Address) bool { return slices.Contains(all, a.Addr) })
		}
		if !r.silentAddresses() {
			continue
		}
		for _, a := range r.wants() {
			out = append(out, silent(a))
		}
		for a := range r.held {
			out = append(out, silent(a))
		}
	}
	return append(out, d.closed.kept...)
}

func silent(a takeover.Address) filter.Address {
	out := filter.Address{Addr: a.Prefix.Addr()}
	if out.Addr.IsLinkLocalUnicast() {
		out.Link = a.Link
	}
	return out
}

// openFilter opens the filter if a service wants silence; what an earlier run left goes otherwise. Without a filter the
// addresses take packets, and that is told: a router that does not forward would be the greater harm.
func (d *Daemon) openFilter(ctx context.Context, start bool) {
	d.closed.kept = d.configuredSilent(d.closed.kept)
	wanted := slices.ContainsFunc(d.routers, func(r *router) bool { return !r.service.Accept })
	switch {
	case wanted && d.closed.filter == nil:
		f, err := filter.Open(ctx, filter.Options{Logger: d.o.Log, Changed: func(err error) {
			d.post(func() {
				if err == nil {
					d.report.Report(event.FilterRestored, "somebody changed the nftables table of addresses that take no packets; it was restored")
				} else {
					d.filterFailed(err)
				}
			})
		}})
		if err != nil {
			d.filterFailed(err)
			return
		}
		d.closed.filter = f
		if start && d.afterCrash() {
			d.closed.kept = d.configuredSilent(f.Left())
		}
		d.closeAddresses()
	case !wanted && start:
		if err := filter.Remove(ctx, filter.DefaultTable); err != nil {
			d.o.Log.Debug("look for filtered addresses of an earlier run", "error", err) // mostly: no nftables, no table
		}
	}
}

// configuredSilent are those of some addresses that this configuration has.
func (d *Daemon) configuredSilent(list []filter.Address) []filter.Address {
	ours := d.ours()
	return slices.DeleteFunc(list, func(a filter.Address) bool { return !ours[a.Addr] })
}

// closeAddresses brings the filter in line, and what the kernel knows of virtual MACs: it is called before addresses come and after they have gone.
func (d *Daemon) closeAddresses() {
	d.showVirtual()
	c := &d.closed
	if c.filter == nil {
		return
	}
	if err := c.filter.Set(d.wantedSilent()); err != nil {
		d.filterFailed(err)
		return
	}
	c.failed = false
}

// filterFailed reports, once in a row, that addresses take packets that should not.
func (d *Daemon) filterFailed(err error) {
	if !d.closed.failed {
		d.closed.failed = true
		d.report.Report(event.FilterFailed, fmt.Sprintf("addresses that should take no packets may take them: %v", err))
	}
}

// closeFilter lets go of the filter. After an orderly stop every address has gone, and the table goes; otherwise it stays,
// and the next run finds it.
func (d *Daemon) closeFilter() error {
	if d.closed.filter == nil {
		return nil
	}
	return d.closed.filter.Close(d.stopping)
}
