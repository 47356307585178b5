// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Options is what a channel is made of.
type Options struct {
	Name        string   // of the cluster; nodes of another one are not heard
	Node        string   // this node
	Keys        [][]byte // 16, 24 or 32 bytes each; the first sends, all receive
	Address     netip.Addr
	Port        uint16
	Peers       map[string]netip.AddrPort // the other nodes
	Incarnation uint64                    // of this node: higher than that of every earlier run
	Logger      *slog.Logger
}

// Heard is a record of another node, newer than all before.
type Heard struct {
	Node        string
	Incarnation uint64
	Sequence    uint64
	Payload     []byte
}

// Message is what another node says to this one.
type Message struct {
	From    string
	Payload []byte
}

// Presence is that a node is a member, or is none any more.
type Presence struct {
	Node  string
	Alive bool
}

// Cluster is one node's end of the channel.
type Cluster struct {
	o     Options
	log   *slog.Logger
	list  *memberlist.Memberlist
	ring  *memberlist.Keyring
	queue *queue
	count counter

	mu       sync.Mutex
	peers    map[string]netip.AddrPort
	members  map[string]memberlist.Address
	held     map[string]*last
	payload  []byte // of the own record; nil before the first Publish
	sequence uint64 // of records
	number   uint64 // of messages

	changed chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
}

// last is what was last taken from a node.
type last struct {
	incarnation, sequence uint64 // of its record
	records, messages     window
}

// Times of the channel.
const (
	repeatEvery = time.Second            // sign of life
	joinEvery   = 2 * time.Second        // attempts to meet nodes that are missing
	leaveWithin = 500 * time.Millisecond // how long saying goodbye may take
	datagram    = 1100                   // larger envelopes go over TCP
	probeEvery  = 500 * time.Millisecond // of memberlist
	probeWithin = 250 * time.Millisecond // of memberlist
	gossipEvery = 100 * time.Millisecond // of memberlist
	meetEvery   = 10 * time.Second       // full exchange of memberlist
	streamLimit = 2 * time.Second        // of a TCP exchange
)

// Open opens the channel and begins to look for the other nodes. A lone node is a normal state.
func Open(o Options) (*Cluster, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Keys) == 0 {
		return nil, errors.New("cluster channel without a key")
	}
	ring, err := memberlist.NewKeyring(o.Keys, o.Keys[0])
	if err != nil {
		return nil, fmt.Errorf("cluster keys: %w", err)
	}
	c := &Cluster{o: o, log: o.Logger, ring: ring, queue: newQueue(), peers: o.Peers, members: map[string]memberlist.Address{},
		held: map[string]*last{}, changed: make(chan struct{}, 1)}
	c.count.log = o.Logger
	c.ctx, c.cancel = context.WithCancel(context.Background())
	config := memberlist.DefaultLANConfig()
	config.Name, config.Label = o.Node, o.Name
	config.BindAddr, config.BindPort = o.Address.String(), int(o.Port)
	config.AdvertiseAddr, config.AdvertisePort = config.BindAddr, config.BindPort
	config.Keyring = ring
	config.Delegate, config.Events, config.Alive = delegate{c}, delegate{c}, delegate{c}
	config.ProbeInterval, config.ProbeTimeout = probeEvery, probeWithin
	config.SuspicionMult, config.SuspicionMaxTimeoutMult = 3, 2
	config.GossipInterval, config.PushPullInterval, config.TCPTimeout = gossipEvery, meetEvery, streamLimit
	config.DeadNodeReclaimTime = time.Second
	config.EnableCompression = false
	config.LogOutput = &c.count
	if c.list, err = memberlist.Create(config); err != nil {
		c.cancel()
		return nil, fmt.Errorf("open cluster channel on %s: %w", netip.AddrPortFrom(o.Address, o.Port), err)
	}
	c.running.Go(func() { c.queue.run(c.ctx.Done()) })
	c.running.Go(c.repeat)
	c.running.Go(c.meet)
	return c, nil
}

// Events are what is heard: values of [Heard], [Message] and [Presence]. The channel is closed by [Cluster.Close].
func (c *Cluster) Events() <-chan any { return c.queue.out }

// Publish makes payload this node's record. It returns at once.
func (c *Cluster) Publish(payload []byte) {
	c.mu.Lock()
	c.payload = payload
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// repeat sends the record when it changes, and each second.
func (c *Cluster) repeat() {
	tick := time.NewTicker(repeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.changed:
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
		c.spread()
	}
}

// spread sends the record, under a new number, to every member.
func (c *Cluster) spread() {
	b := c.record()
	if b == nil {
		return
	}
	c.mu.Lock()
	to := make([]memberlist.Address, 0, len(c.members))
	for _, a := range c.members {
		to = append(to, a)
	}
	c.mu.Unlock()
	for _, a := range to {
		if err := c.transmit(a, b); err != nil {
			c.log.Debug("cluster: send the record", "to", a.Name, "error", err)
		}
	}
}

// record encodes the record under a new number; nil if there is none yet.
func (c *Cluster) record() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.payload == nil {
		return nil
	}
	c.sequence++
	e := envelope{kind: kindRecord, from: c.o.Node, incarnation: c.o.Incarnation, sequence: c.sequence, payload: c.payload}
	return e.append(nil)
}

// transmit sends an envelope: in a datagram if it fits, else over TCP from a goroutine.
func (c *Cluster) transmit(to memberlist.Address, b []byte) error {
	if len(b) <= datagram {
		return c.list.SendToAddress(to, b)
	}
	for _, n := range c.list.Members() {
		if n.Name != to.Name {
			continue
		}
		c.running.Go(func() {
			if err := c.list.SendReliable(n, b); err != nil {
				c.log.Debug("cluster: send", "to", n.Name, "error", err)
			}
		})
		return nil
	}
	return fmt.Errorf("%s is no member", to.Name)
}

// Send tells one node something. It does not wait, and what it sends may be lost.
func (c *Cluster) Send(node string, payload []byte) error {
	if len(payload) > payloadLimit {
		return fmt.Errorf("message of %d bytes, at most %d can be sent", len(payload), payloadLimit)
	}
	c.mu.Lock()
	to, member := c.members[node]
	l := c.held[node]
	if !member || l == nil || l.incarnation == 0 {
		c.mu.Unlock()
		return fmt.Errorf("%s is not heard over the cluster channel", node)
	}
	c.number++
	e := envelope{kind: kindMessage, from: c.o.Node, incarnation: c.o.Incarnation, sequence: c.number, to: node, toLife: l.incarnation, payload: payload}
	c.mu.Unlock()
	return c.transmit(to, e.append(nil))
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
	for name, at := range c.peers {
		if _, here := c.members[name]; !here {
			out[name] = at
		}
	}
	return out
}

// SetKeys changes the keys: the first sends, all receive. To rotate without a gap, every node first learns the new key as a
// second one, then sends with it, then forgets the old one.
func (c *Cluster) SetKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("no keys")
	}
	for _, k := range keys {
		if err := c.ring.AddKey(k); err != nil {
			return err
		}
	}
	if err := c.ring.UseKey(keys[0]); err != nil {
		return err
	}
	for _, old := range c.ring.GetKeys() {
		kept := false
		for _, k := range keys {
			kept = kept || string(k) == string(old)
		}
		if !kept {
			if err := c.ring.RemoveKey(old); err != nil {
				return err
			}
		}
	}
	return nil
}

// SetPeers changes who the other nodes are.
func (c *Cluster) SetPeers(peers map[string]netip.AddrPort) {
	c.mu.Lock()
	c.peers = peers
	c.mu.Unlock()
}

// Stats returns what was refused so far.
func (c *Cluster) Stats() Stats { return c.count.stats() }

// Close says goodbye to the other nodes, for a short while at most, and ends the channel.
func (c *Cluster) Close() (err error) {
	c.closing.Do(func() {
		c.spread() // the last word is the newest
		if err := c.list.Leave(leaveWithin); err != nil {
			c.log.Debug("cluster: leave", "error", err)
		}
		err = c.list.Shutdown()
		c.cancel()
		c.running.Wait()
	})
	return err
}
