// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// releaseWait is how long Detach waits for a priority-0 advert that finds the queue below full.
const releaseWait = 20 * time.Millisecond

// registry knows the open ports, for the goroutines that attach and detach. The loop never takes its locks.
type registry struct {
	attaching sync.Mutex // one change at a time; held while sockets are opened and the loop is waited for
	ports     map[portKey]*port
	unicast   map[place]*port // who hears unicast adverts where several ports are: one of them, so that none counts twice
	bound     map[vrrp.ID]bound
	closed    bool

	reading sync.Mutex // guards open and lost; never held over a call that may wait
	open    []*port
	lost    uint64 // drops of ports that are closed
}

// bound is where a virtual router is attached.
type bound struct {
	port    *port
	binding Binding
}

// init makes the registry's maps.
func (g *registry) init() {
	g.ports = make(map[portKey]*port)
	g.unicast = make(map[place]*port)
	g.bound = make(map[vrrp.ID]bound)
}

// take returns the port of a binding, opened if there is none yet, and counts the router. Who is attached once more to where it is,
// with nothing changed, has a reason: the interface may have been re-created with its old index.
func (g *registry) take(b Binding) (*port, error) {
	key := portKey{place: place{index: b.Index, family: b.Family}, group: b.group()}
	p := g.ports[key]
	if p == nil {
		var err error
		alone := g.unicast[key.place] == nil
		if p, err = openPort(key, b.Interface, alone); err != nil {
			return nil, err
		}
		p.slot = -1
		g.ports[key] = p
		if alone {
			g.unicast[key.place] = p
		}
		g.reading.Lock()
		g.open = append(g.open, p)
		g.reading.Unlock()
	} else if at, again := g.bound[b.ID]; again && at.binding.equal(b) {
		if err := p.renew(); err != nil {
			return nil, portError(key, b.Interface, err)
		}
	}
	p.routers++
	return p, nil
}

// drop gives back a port and returns it if nobody uses it any more.
func (g *registry) drop(p *port) *port {
	p.routers--
	if p.routers > 0 {
		return nil
	}
	if g.ports[p.key] == p {
		delete(g.ports, p.key)
	}
	return p
}

// shut closes ports that the loop does not know any more.
func (g *registry) shut(ports []*port) error {
	var errs []error
	for _, p := range ports {
		g.reading.Lock()
		g.open = slices.DeleteFunc(g.open, func(q *port) bool { return q == p })
		errs = append(errs, g.bequeath(p))
		if drops, err := socketDrops(p.receive); err == nil {
			g.lost += uint64(drops)
		}
		g.reading.Unlock()
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// bequeath makes another port of the place hear unicast adverts, if a port that is closed has done so.
func (g *registry) bequeath(p *port) error {
	if g.unicast[p.key.place] != p {
		return nil
	}
	delete(g.unicast, p.key.place)
	heir := slices.IndexFunc(g.open, func(q *port) bool { return q.key.place == p.key.place && g.ports[q.key] == q })
	if heir < 0 {
		return nil
	}
	q := g.open[heir]
	g.unicast[q.key.place] = q
	if err := attachFilter(q.receive, keepAdverts(q.key.group, true)); err != nil {
		return portError(q.key, q.name, err)
	}
	return nil
}

// close closes all ports, and the registry for good.
func (g *registry) close() error {
	g.attaching.Lock()
	defer g.attaching.Unlock()
	g.closed = true
	clear(g.ports) // no heirs
	return g.shut(slices.Clone(g.open))
}

// drops sums up what the kernel dropped at all ports, and counts those that are open.
func (g *registry) drops() (lost uint64, open int) {
	g.reading.Lock()
	defer g.reading.Unlock()
	lost = g.lost
	for _, p := range g.open {
		if drops, err := socketDrops(p.receive); err == nil {
			lost += uint64(drops)
		}
	}
	return lost, len(g.open)
}

// Attach binds a virtual router, which the router must know, to an interface and starts it. Binding again is a normal call: the
// interface has a new index, or the source is another, or (same binding) the interface was re-created with its old index. Sockets are opened here, in the caller's goroutine and network namespace.
func (l *Loop) Attach(b Binding) error {
	if errs := l.AttachAll([]Binding{b}); errs != nil {
		return errs[0]
	}
	return nil
}

// AttachAll is Attach for many, in one round of the loop. Errors are aligned with the bindings; nil means that all are attached.
func (l *Loop) AttachAll(bindings []Binding) []error {
	g := &l.registry
	g.attaching.Lock()
	defer g.attaching.Unlock()
	errs := make([]error, len(bindings))
	fresh := make([]*attachment, len(bindings))
	for i, b := range bindings {
		fresh[i], errs[i] = l.prepare(b)
	}
	l.resize(fresh)

	err := l.order(&command{run: func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for i, a := range fresh {
			if a == nil {
				continue
			}
			if _, known := r.Status(a.id); !known {
				errs[i] = errors.New("the router does not know it")
			} else if errs[i] = l.admit(a.port); errs[i] == nil {
				l.attached[a.id] = a
				link := vrrp.Link{Interface: bindings[i].Index, Source: bindings[i].Source}
				out = r.Up(now, a.id, link, out)
			}
		}
		l.meter.routers.Store(int64(len(l.attached)))
		return out
	}})

	var idle []*port
	bad := false
	for i, a := range fresh {
		if err != nil {
			errs[i] = err
		}
		bad = bad || errs[i] != nil
		if errs[i] != nil {
			errs[i] = fmt.Errorf("attach virtual router %d to %s: %w", bindings[i].ID, bindings[i].Interface, errs[i])
		}
		if a == nil {
			continue
		}
		old := a.port
		if errs[i] == nil {
			old = g.bound[a.id].port
			g.bound[a.id] = bound{port: a.port, binding: bindings[i]}
		}
		if old != nil {
			idle = append(idle, g.drop(old))
		}
	}
	if err := l.retire(idle); err != nil {
		l.log.Warn("close VRRP sockets", "error", err)
	}
	if !bad {
		return nil
	}
	return errs
}

// prepare checks a binding and opens its port.
func (l *Loop) prepare(b Binding) (*attachment, error) {
	if l.registry.closed {
		return nil, ErrClosed
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	p, err := l.registry.take(b)
	if err != nil {
		return nil, err
	}
	return newAttachment(b, p), nil
}

// resize makes the buffers of the ports large enough for the routers there. Too small a buffer is no reason to do without.
func (l *Loop) resize(attachments []*attachment) {
	for _, a := range attachments {
		if a == nil || a.port.routers <= a.port.held {
			continue
		}
		p := a.port
		p.held = 1
		for p.held < p.routers {
			p.held *= 2 // so that a thousand calls of Attach do not make a thousand changes
		}
		granted, full, err := p.size(p.held)
		switch {
		case err != nil:
			l.log.Warn("enlarge VRRP socket buffers", "interface", p.name, "family", p.key.family, "error", err)
		case !full:
			l.log.Warn("VRRP receive buffer is smaller than wished (needs CAP_NET_ADMIN, or a larger net.core.rmem_max)",
				"interface", p.name, "family", p.key.family, "bytes", granted, "routers", p.held)
		}
	}
}

// admit makes the loop listen to a port. It runs on the loop's thread.
func (l *Loop) admit(p *port) error {
	if p.slot >= 0 {
		return nil
	}
	slot := slices.Index(l.slots, nil)
	if slot < 0 {
		slot = len(l.slots)
		l.slots = append(l.slots, nil)
	}
	if err := l.watch(p.receive, slot); err != nil {
		return err
	}
	p.slot, l.slots[slot] = slot, p
	return nil
}

// retire takes ports that nobody uses away from the loop and closes them.
func (l *Loop) retire(ports []*port) error {
	ports = slices.DeleteFunc(ports, func(p *port) bool { return p == nil })
	if len(ports) == 0 {
		return nil
	}
	err := l.order(&command{run: func(_ vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, p := range ports {
			if p.slot < 0 {
				continue
			}
			// The descriptor is good and was added, so this cannot fail; closing it would remove it too.
			_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, p.receive, nil)
			l.slots[p.slot] = nil
			p.slot = -1
		}
		return out
	}})
	if err != nil {
		return nil // the loop has ended and closes, or has closed, all of them
	}
	return l.registry.shut(ports)
}

// Detach shuts a virtual router down, and gives up its place on the interface once its last advert has left. It is no error if it
// is not attached.
func (l *Loop) Detach(id vrrp.ID, why vrrp.Reason) error {
	return l.DetachAll([]vrrp.ID{id}, why)
}

// DetachAll is Detach for many, in one round of the loop.
func (l *Loop) DetachAll(ids []vrrp.ID, why vrrp.Reason) error {
	g := &l.registry
	g.attaching.Lock()
	defer g.attaching.Unlock()
	c := &command{}
	c.run = func(now vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		c.till = now.Add(releaseWait)
		for _, id := range ids {
			out = r.Down(now, id, why, out)
		}
		return out
	}
	c.more = func() bool {
		return slices.ContainsFunc(ids, func(id vrrp.ID) bool {
			a := l.attached[id]
			return a != nil && a.congested()
		})
	}
	c.end = func() {
		for _, id := range ids {
			delete(l.attached, id)
		}
		l.meter.routers.Store(int64(len(l.attached)))
	}
	if err := l.order(c); err != nil {
		return err
	}
	var idle []*port
	for _, id := range ids {
		if at, found := g.bound[id]; found {
			delete(g.bound, id)
			idle = append(idle, g.drop(at.port))
		}
	}
	return l.retire(idle)
}
