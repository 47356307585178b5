// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"time"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
)

// beginStop releases every service. The addresses keep answering until their heirs are heard.
func (d *Daemon) beginStop() {
	d.stopping = true
	patience := time.Duration(0)
	for i := range d.cfg.Services {
		if k := d.cfg.Services[i].Control; k != nil && d.mind.Busy() {
			patience = max(patience, k.StopTimeout+time.Second)
		}
	}
	d.stopBy = time.Now().Add(patience)
	d.o.Parent.Stopping(patience)
	d.report.Report(event.Stopping, "stopping: addresses are released")
	d.mind.Stop(clock())
	d.think()
	d.release(d.routers)
}

// release hands routers over, in the order that package takeover plans, as far as it goes before the heir is heard.
// Routers that are not Active just leave.
func (d *Daemon) release(rs []*router) {
	if len(rs) == 0 {
		return
	}
	for _, r := range rs {
		r.leaving = true
	}
	d.giveUp(rs)
	d.forget()
}

// giveUp asks for heirs. What it gives up answers until they are heard.
func (d *Daemon) giveUp(rs []*router) {
	if len(rs) == 0 {
		return
	}
	var active, rest []holding
	for _, r := range rs {
		if !r.active() || len(r.held) == 0 {
			rest = append(rest, holding{router: r})
			continue
		}
		for a := range r.held {
			active = append(active, holding{r, a})
		}
	}
	d.perform(takeover.Give(services(active), takeover.Planned), active)
	d.sendRelease(rest)
	d.apply(rs)
}

// sendRelease makes the loop send priority 0 for the routers that are Active, and stop all. Whether a router really is
// Active only the loop knows: it may have stepped back a moment ago, and then nobody will tell of an heir.
func (d *Daemon) sendRelease(hs []holding) {
	if len(hs) == 0 {
		return
	}
	releasing := map[*router]bool{}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, h := range hs {
			if _, done := releasing[h.router]; done {
				continue
			}
			out = v.Release(now, h.router.id, out)
			st, _ := v.Status(h.router.id)
			releasing[h.router] = st.Releasing
		}
		return out
	})
	if err != nil { // the loop is gone: nobody will tell of an heir
		d.o.Log.Error(fmt.Sprintf("release: %v", err))
	}
	for _, h := range hs {
		h.router.releasing = err == nil && releasing[h.router]
		if err != nil {
			h.router.state = vrrp.Initialize
		}
	}
}

// answering reports whether some address is still answered for.
func (d *Daemon) answering() bool {
	for _, r := range d.routers {
		if r.releasing || len(r.held) > 0 {
			return true
		}
	}
	return false
}
