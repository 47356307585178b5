// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// attachment is one virtual router's place on a port. It belongs to the loop once it is attached.
type attachment struct {
	id      vrrp.ID
	port    *port
	control []byte // the source, and the TTL if it is not the socket's
	to      []destination
}

// destination is where an attachment's adverts go: the group, or one unicast peer.
type destination struct {
	from    *attachment
	address netip.Addr
	name    []byte // as a sockaddr

	// What went wrong, and the advert that is to be tried again.
	class    Class      // 0: the last advert left
	failures int        // in a row
	told     unix.Errno // the fault that is published and not taken back
	toldAt   vrrp.Time
	listed   bool // in the loop's retries
	retry    bool
	priority vrrp.Priority
}

// pending is one advert to one destination.
type pending struct {
	to       *destination
	priority vrrp.Priority
}

// newAttachment prepares everything about sending that does not change.
func newAttachment(b Binding, p *port) *attachment {
	a := &attachment{id: b.ID, port: p, control: appendSource(nil, b.Index, b.Source)}
	if b.hops() != hopLimit {
		a.control = appendHops(a.control, b.Family, b.hops())
	}
	peers := b.Peers
	if len(peers) == 0 {
		peers = []netip.Addr{b.group()}
	}
	a.to = make([]destination, len(peers))
	for i, peer := range peers {
		a.to[i] = destination{from: a, address: peer, name: appendDestination(nil, b.Index, peer)}
	}
	return a
}

// dispatch sends the adverts that this round's actions ask for, and those that failed before and are due again.
func (l *Loop) dispatch(now vrrp.Time) {
	l.forgetPast()
	for i := range l.out {
		if l.out[i].Kind == vrrp.SendAdvert {
			l.queue(l.out[i].ID, l.out[i].Priority)
		}
	}
	if l.retryAt <= now {
		l.queueRetries()
	}
	if len(l.dirty) == 0 {
		return
	}
	for _, p := range l.dirty {
		l.flush(p, now)
	}
	l.dirty = l.dirty[:0]
	l.forgetPast() // what has failed in this round may be of the past already
}

// forgetPast gives up failed adverts that this round's transitions have made untrue.
func (l *Loop) forgetPast() {
	for i := range l.out {
		action := &l.out[i]
		if action.Kind != vrrp.Enter || action.To == vrrp.Active {
			continue
		}
		if a := l.attached[action.ID]; a != nil {
			a.forget(action.From == vrrp.Initialize)
		}
	}
}

// queue puts an advert into the port's queue, for each destination of the router.
func (l *Loop) queue(id vrrp.ID, priority vrrp.Priority) {
	a := l.attached[id]
	if a == nil {
		l.meter.unsent.Add(1)
		return
	}
	for i := range a.to {
		l.queueOne(&a.to[i], priority)
	}
}

// queueOne puts an advert to one destination into the port's queue.
func (l *Loop) queueOne(d *destination, priority vrrp.Priority) {
	p := d.from.port
	if len(p.pending) == 0 {
		l.dirty = append(l.dirty, p)
	}
	d.retry = false // this one takes its place
	p.pending = append(p.pending, pending{to: d, priority: priority})
}

// forget gives up adverts of an Active that is none any more. Priority 0 is what it leaves with, and still goes out, unless
// the router has started again.
func (a *attachment) forget(started bool) {
	for i := range a.to {
		if d := &a.to[i]; started || d.priority != vrrp.Release {
			d.retry = false
		}
	}
}

// congested reports whether an advert still waits for room below.
func (a *attachment) congested() bool {
	return slices.ContainsFunc(a.to, func(d destination) bool { return d.retry && d.class == Congested })
}

// queueRetries queues what failed before.
func (l *Loop) queueRetries() {
	l.retryAt = vrrp.Never
	retries := l.retries
	l.retries = l.retries[:0]
	for _, d := range retries {
		d.listed = false
		if d.retry && l.attached[d.from.id] == d.from {
			l.queueOne(d, d.priority)
			l.meter.retried.Add(1)
		}
	}
	clear(retries[len(l.retries):])
}

// flush sends a port's queue in batches.
func (l *Loop) flush(p *port, now vrrp.Time) {
	queue := p.pending
	for next := 0; next < len(queue); {
		l.vector.clear()
		batch := l.batch[:0]
		for ; next < len(queue); next++ {
			d := queue[next].to
			message := l.router.Message(d.from.id, queue[next].priority, d.address)
			if len(message) == 0 { // the router has forgotten it in this very round
				l.meter.unsent.Add(1)
				continue
			}
			if !l.vector.add(message, d.name, d.from.control) {
				break
			}
			batch = append(batch, queue[next])
		}
		l.sendBatch(p, batch, now)
	}
	clear(queue)
	p.pending = queue[:0]
}

// congestionLimit is how many sends in a row may find the queue below full before the rest of the batch is put off.
const congestionLimit = 4

// congestionNews is how many failures in a row for want of room are worth telling: fewer are over within a few milliseconds.
const congestionNews = 4

// sendBatch sends what is in the vector, which is what the batch describes. One message that cannot be sent does not
// keep the others back.
func (l *Loop) sendBatch(p *port, batch []pending, now vrrp.Time) {
	full := 0
	for i := 0; i < len(batch); {
		n, errno := l.vector.send(p.send, i)
		if errno == unix.EINTR {
			continue
		}
		if errno == 0 {
			full = 0
			l.meter.sent.Add(uint64(n))
			for range n {
				if d := batch[i].to; d.class != 0 {
					l.recovered(d, now)
				}
				i++
			}
			continue
		}
		l.refused(batch[i], errno, now)
		i++
		if classify(errno) != Congested {
			continue
		}
		if full++; full == congestionLimit {
			for ; i < len(batch); i++ {
				l.refused(batch[i], errno, now)
			}
		}
	}
}

// refused notes that an advert could not be sent, and has it tried again where that can help.
func (l *Loop) refused(p pending, errno unix.Errno, now vrrp.Time) {
	d := p.to
	class := classify(errno)
	switch class {
	case Congested:
		l.meter.congested.Add(1)
	case NotReady:
		l.meter.notReady.Add(1)
	case Refused:
		l.meter.refused.Add(1)
	}
	d.class, d.priority = class, p.priority
	d.failures++
	if class != Refused {
		d.retry = true
		if !d.listed {
			d.listed = true
			l.retries = append(l.retries, d)
		}
		l.retryAt = min(l.retryAt, now.Add(backoff(d.failures)))
	}
	if class == Congested && d.failures < congestionNews {
		return
	}
	if d.told != errno && (d.toldAt == 0 || now.Sub(d.toldAt) >= faultInterval) {
		d.told, d.toldAt = errno, now
		l.failed = append(l.failed, Fault{ID: d.from.id, At: now, Destination: d.address, Err: errno, Class: class})
	}
}

// recovered notes that adverts to the destination leave again.
func (l *Loop) recovered(d *destination, now vrrp.Time) {
	d.class, d.failures = 0, 0
	if d.told != 0 {
		d.told = 0
		l.failed = append(l.failed, Fault{ID: d.from.id, At: now, Destination: d.address})
	}
}

// backoff is how long after that many failures in a row the advert is tried again.
func backoff(failures int) time.Duration {
	return min(retryFirst<<min(failures-1, 10), retryLast)
}

// publish hands this round's other actions and faults to whoever collects them.
func (l *Loop) publish() {
	if len(l.failed) > 0 {
		l.faults.post(slices.Clone(l.failed))
		l.failed = l.failed[:0]
	}
	if len(l.out) == 0 {
		return
	}
	crowded := l.events.batches.len() >= discardLimit
	var events []vrrp.Action
	for i := range l.out {
		switch {
		case l.out[i].Kind == vrrp.SendAdvert:
		case l.out[i].Kind == vrrp.Discarded && crowded:
			l.meter.discardsDropped.Add(1)
		default:
			if events == nil {
				events = make([]vrrp.Action, 0, len(l.out)-i)
			}
			events = append(events, l.out[i])
		}
	}
	l.out = l.out[:0]
	if len(events) > 0 {
		l.events.post(events)
	}
}
