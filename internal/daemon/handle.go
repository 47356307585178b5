// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/vrrp"
)

// handle takes in a batch of the loop's actions, then brings the kernel in line with it. Records are written last: a
// slow log must not hold up an address.
func (d *Daemon) handle(acts []vrrp.Action) {
	var again, touched []*router
	var records []func()
	var news []news
	for _, a := range straight(acts) {
		r := d.byID[a.ID]
		if r == nil && a.Kind != vrrp.Discarded {
			continue // removed meanwhile
		}
		if r != nil {
			touched = append(touched, r)
			news = append(news, newsOf(r, a)...)
		}
		switch a.Kind {
		case vrrp.Enter:
			records = append(records, d.entered(r, a))
			d.turned(r.service, a.Reason == vrrp.ReasonTimeout)
		case vrrp.Suspect:
			d.suspect(r.service.Name)
		case vrrp.Inherited:
			r.releasing = false
			d.turned(r.service, false)
			records = append(records, d.record(event.HandedOver, "was handed over", r, a))
		case vrrp.Rival: // see news
		case vrrp.Announce:
			again = append(again, r)
			if a.Reason == vrrp.ReasonPreempt {
				break // a farewell: nothing was split
			}
			records = append(records, d.record(event.SplitHealed, "is announced again", r, a, "answered", !r.vrrp.LowerPrioNoAdvert))
		case vrrp.Discarded:
			records = append(records, d.discarded(r, a))
		case vrrp.SendAdvert: // the loop's own
		}
	}
	d.think() // what is done with an address is decided before it is taken
	touched = unique(touched)
	d.apply(touched)
	d.comeBack(touched)
	if len(again) > 0 {
		d.announceAgain(d.holdings(again))
	}
	d.informAll(news) // the addresses are there, or gone
	d.forget()
	for _, write := range records {
		write()
	}
}

// beginTold handles what came of the start, which the loop has published by now: it is told before anything that follows.
func (d *Daemon) beginTold() {
	ctx, cancel := context.WithCancel(d.life)
	cancel() // there is nothing to wait for
	if acts, err := d.loop.Events(ctx); err == nil {
		d.handle(acts)
	}
}

// straight leaves out Backup on the way from Active to a fault: a router passes through it when its group steps back, and nobody needs
// to hear of that.
func straight(acts []vrrp.Action) []vrrp.Action {
	passed := map[vrrp.ID]int{}
	skip := map[int]bool{}
	for i, a := range acts {
		if a.Kind != vrrp.Enter {
			continue
		}
		was, passes := passed[a.ID]
		delete(passed, a.ID)
		switch {
		case a.From == vrrp.Active && a.To == vrrp.Backup && a.Reason == vrrp.ReasonSync:
			passed[a.ID] = i
		case passes && a.To == vrrp.Initialize && a.Reason != vrrp.ReasonShutdown:
			skip[was] = true
			acts[i].From, acts[i].Reason = vrrp.Active, vrrp.ReasonSync
		}
	}
	out := acts[:0]
	for i, a := range acts {
		if !skip[i] {
			out = append(out, a)
		}
	}
	return out
}

// entered notes a transition and returns how it is recorded.
func (d *Daemon) entered(r *router, a vrrp.Action) func() {
	if a.To == vrrp.Active {
		r.releasing, r.gone = false, nil
	}
	r.state, r.since, r.reason, r.peer = a.To, time.Now(), a.Reason.String(), a.Peer
	if a.To == vrrp.Initialize && d.blocked[r.id] != "" {
		r.reason = d.blocked[r.id]
	}
	id := event.Initialize
	switch a.To {
	case vrrp.Active:
		id = event.Active
	case vrrp.Backup:
		id = event.Backup
	case vrrp.Initialize:
	}
	initial := !r.begun
	r.begun = true
	return d.record(id, "is "+a.To.String(), r, a, "from", a.From.String(), "state", a.To.String(), "planned", a.Reason == vrrp.ReasonShutdown, "initial", initial, "added", r.added, "synced", a.Reason == vrrp.ReasonSync, "moves", r.moves())
}

// record prepares the record of an action.
func (d *Daemon) record(id event.ID, what string, r *router, a vrrp.Action, more ...any) func() {
	reason := a.Reason.String()
	if a.Kind == vrrp.Enter {
		reason = r.reason
	}
	fields := r.fields(append(more, "reason", reason, "priority", int(r.vrrp.Priority))...)
	if a.Peer.IsValid() {
		fields = append(fields, "peer", a.Peer, "peer_priority", int(a.PeerPriority))
	}
	text := fmt.Sprintf("%s %s: %s", r.service.Name, what, reason)
	return func() { d.report.Report(id, text, fields...) }
}

func (d *Daemon) discarded(r *router, a vrrp.Action) func() {
	fields := []any{"reason", a.Discard.String(), "peer", a.Peer}
	if r != nil {
		fields = r.fields(fields...)
	}
	switch {
	case a.Discard == vrrp.NoteReleased:
		return func() {
			d.report.Report(event.ActiveReleases, fmt.Sprintf("%s: %s releases it", r.service.Name, a.Peer), fields...)
		}
	case a.Discard == vrrp.NoteLowerPriority || a.Discard == vrrp.NotePreemptDelay:
		fields = append(fields, "peer_priority", int(a.PeerPriority))
		if a.Interval > 0 {
			fields = append(fields, "delay", a.Interval)
		}
		text := fmt.Sprintf("%s pre-empts %s, which has priority %d", r.service.Name, a.Peer, a.PeerPriority)
		return func() { d.report.Report(event.PreemptPending, text, fields...) }
	case a.Before != a.Interval:
		fields = append(fields, "from", a.Before, "interval", a.Interval)
	}
	return func() { d.report.Report(event.AdvertDiscarded, "advert: "+a.Discard.String(), fields...) }
}

// forget drops routers that were removed from the configuration and hold nothing any more. On a stop they just end with
// the process.
func (d *Daemon) forget() {
	if d.stopping {
		return
	}
	var gone []*router
	kept := d.routers[:0]
	for _, r := range d.routers {
		if r.leaving && !r.releasing && len(r.held) == 0 {
			gone = append(gone, r)
			continue
		}
		kept = append(kept, r)
	}
	if len(gone) == 0 {
		return
	}
	clear(d.routers[len(kept):])
	d.routers = kept
	d.remove(gone)
	d.virtualize()
	d.guard() // their refuse elements go with them
}

// unique leaves every router out but its first mention.
func unique(rs []*router) []*router {
	seen := make(map[*router]bool, len(rs))
	out := rs[:0]
	for _, r := range rs {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}
