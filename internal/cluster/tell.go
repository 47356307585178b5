// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// waitingLimit is how many long messages may wait for one node.
const waitingLimit = 16

// Publish makes payload this node's record. It returns at once. One that is longer than can be carried is refused and
// counted; the record stays as it was.
func (c *Cluster) Publish(payload []byte) {
	if len(payload) > payloadLimit {
		c.count.add(tooLarge, c.o.Node)
		return
	}
	c.mu.Lock()
	c.payload = bytes.Clone(payload)
	c.edition++
	c.mu.Unlock()
	c.hurry()
}

// hurry has the record sent now.
func (c *Cluster) hurry() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// repeat sends the record when it changes, and a sign of life each second.
func (c *Cluster) repeat() {
	tick, fade := time.NewTicker(repeatEvery), time.NewTicker(fadeEvery)
	defer tick.Stop()
	defer fade.Stop()
	for {
		select {
		case <-c.changed:
			c.spread(true)
		case <-tick.C:
			c.spread(false)
		case now := <-fade.C:
			c.mu.Lock()
			for _, p := range c.peers {
				c.tell(p.fade(now))
			}
			c.mu.Unlock()
		case <-c.ctx.Done():
			return
		}
	}
}

// spread sends the record to every member: whole if it changed or fits into a datagram, else a beat, to which a node that
// lacks the record answers.
func (c *Cluster) spread(changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.peers {
		if !p.member && !p.present {
			continue
		}
		if p.present && c.edition > 0 && (changed || c.recordSize(p) <= datagram) {
			c.sendRecord(p)
		} else {
			c.sendBeat(p, kindBeat)
		}
	}
}

func (c *Cluster) recordSize(p *peer) int {
	return 64 + len(c.o.Node) + len(p.name) + len(c.payload)
}

// write completes an envelope to p.
func (c *Cluster) write(p *peer, e envelope) []byte {
	p.sent++
	e.from, e.to, e.incarnation, e.toLife, e.sequence = c.o.Node, p.name, c.o.Incarnation, p.life, p.sent
	return e.append(nil)
}

// sendBeat sends an envelope without payload.
func (c *Cluster) sendBeat(p *peer, k kind) {
	c.datagram(p, c.write(p, envelope{kind: k, edition: c.edition}))
}

func (c *Cluster) datagram(p *peer, b []byte) {
	if err := c.wire.send(p.at, b); err != nil {
		c.log.Debug("cluster: send", "to", p.name, "error", err)
	}
}

// sendRecord sends the record, in a datagram if it fits.
func (c *Cluster) sendRecord(p *peer) {
	if c.edition == 0 {
		c.sendBeat(p, kindBeat)
		return
	}
	if c.recordSize(p) <= datagram {
		c.datagram(p, c.write(p, envelope{kind: kindRecord, edition: c.edition, payload: c.payload}))
		return
	}
	p.due = true
	c.pump(p)
}

// pump sees to it that what waits for p is sent over TCP: one after the other, and of records only the newest.
func (c *Cluster) pump(p *peer) {
	if p.busy || c.closed {
		return
	}
	p.busy = true
	c.pumps.Go(func() {
		for {
			to, b := c.next(p)
			if b == nil {
				return
			}
			if err := c.wire.stream(to, b); err != nil {
				c.log.Debug("cluster: send a stream", "to", p.name, "error", err)
			}
		}
	})
}

// next is what is to be sent to p; nil ends the goroutine.
func (c *Cluster) next(p *peer) (netip.AddrPort, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(p.waiting) > 0:
		b := p.waiting[0]
		p.waiting = p.waiting[1:]
		return p.at, b
	case p.due && c.edition > 0:
		p.due = false
		return p.at, c.write(p, envelope{kind: kindRecord, edition: c.edition, payload: c.payload})
	}
	p.busy = false
	return p.at, nil
}

// Send tells one node something. It does not wait, and what it sends may be lost.
func (c *Cluster) Send(node string, payload []byte) error {
	if len(payload) > payloadLimit {
		return fmt.Errorf("message of %d bytes, at most %d can be sent", len(payload), payloadLimit)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[node]
	if p == nil || !p.present || c.closed {
		return fmt.Errorf("%s is not heard over the cluster channel", node)
	}
	b := c.write(p, envelope{kind: kindMessage, payload: payload})
	if len(b) <= datagram {
		return c.wire.send(p.at, b)
	}
	if len(p.waiting) >= waitingLimit {
		return fmt.Errorf("%d long messages wait for %s already", len(p.waiting), node)
	}
	p.waiting = append(p.waiting, b)
	c.pump(p)
	return nil
}

// meet looks for nodes that are missing, for ever and quietly.
func (c *Cluster) meet() {
	for {
		// Side by side: one that is off the network would hold up the others.
		var looking sync.WaitGroup
		for name, at := range c.missing() {
			looking.Go(func() {
				if _, err := c.list.Join([]string{name + "/" + at.String()}); err != nil {
					c.log.Debug("cluster: look for a node", "node", name, "error", err)
				}
			})
		}
		looking.Wait()
		select {
		case <-time.After(joinEvery/2 + rand.N(joinEvery)): //nolint:gosec // jitter
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Cluster) missing() map[string]netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]netip.AddrPort{}
	for name, p := range c.peers {
		if !p.member {
			out[name] = p.at
		}
	}
	return out
}

// parting sends the last record and then says goodbye, twice as it may be lost.
func (c *Cluster) parting() {
	c.spread(true)
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	sent := make(chan struct{})
	go func() {
		c.pumps.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(leaveWithin): // the transport ends them
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 2 {
		for _, p := range c.peers {
			if p.present {
				c.sendBeat(p, kindGoodbye)
			}
		}
	}
}
