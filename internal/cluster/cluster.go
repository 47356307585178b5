// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	Incarnation uint64                    // of this node: higher than that of every earlier channel of its
	Logger      *slog.Logger
}

// Heard is the record of another node, as it holds now: told when it changes, and again each second that the node confirms
// it. Payload is not to be changed.
type Heard struct {
	Node        string
	Incarnation uint64
	Sequence    uint64
	Payload     []byte
}

// Passed is the last known record of a node that is not heard, passed on by another: news perhaps, but no sign of life.
type Passed struct {
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

// Presence is that a node is heard, or is gone.
type Presence struct {
	Node  string
	Alive bool
}

// Cluster is one node's end of the channel.
type Cluster struct {
	o     Options
	log   *slog.Logger
	list  *memberlist.Memberlist
	wire  *transport
	queue *queue
	count counter

	mu      sync.Mutex
	peers   map[string]*peer
	byAddr  map[netip.Addr]bool
	payload []byte // of the own record
	edition uint64 // of it; 0 before the first Publish
	closed  bool

	changed chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	pumps   sync.WaitGroup // goroutines that send streams
	closing sync.Once
}

// Times of the channel. memberlist suspects a node after one probe, and gives it up after 2 × probeEvery more.
const (
	repeatEvery = time.Second            // sign of life
	fadeEvery   = 200 * time.Millisecond // looking for nodes that are gone
	joinEvery   = 2 * time.Second        // attempts to meet nodes that are missing
	leaveWithin = 300 * time.Millisecond // how long each part of saying goodbye may take
	probeEvery  = 500 * time.Millisecond // of memberlist
	probeWithin = 250 * time.Millisecond // of memberlist
	gossipEvery = 100 * time.Millisecond // of memberlist
	meetEvery   = 10 * time.Second       // full exchange of memberlist
	streamLimit = 2 * time.Second        // of a TCP exchange of memberlist
	datagram    = 1350                   // larger envelopes go over TCP; together with what seals it, an Ethernet frame
)

// Open opens the channel and begins to look for the other nodes. A lone node is a normal state.
func Open(o Options) (*Cluster, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	at := plain(netip.AddrPortFrom(o.Address, o.Port))
	switch {
	case o.Node == "" || len(o.Node) > nameLimit:
		return nil, fmt.Errorf("cluster channel: node name %q, want 1 to %d bytes", o.Node, nameLimit)
	case !at.IsValid() || at.Addr().IsUnspecified() || at.Port() == 0:
		return nil, fmt.Errorf("cluster channel: address %s, want the one address and port that the other nodes know", at)
	case o.Incarnation == 0:
		return nil, errors.New("cluster channel: incarnation 0, want a number higher than every earlier one")
	}
	ring, err := newKeyring(o.Keys)
	if err != nil {
		return nil, fmt.Errorf("cluster keys: %w", err)
	}
	seal, err := newSealer(o.Name, at, ring)
	if err != nil {
		return nil, fmt.Errorf("cluster keys: %w", err)
	}
	c := &Cluster{o: o, log: o.Logger, queue: newQueue(), peers: map[string]*peer{}, changed: make(chan struct{}, 1)}
	c.count.log = o.Logger
	c.SetPeers(o.Peers)
	if c.wire, err = listen(at, seal, &c.count); err != nil {
		return nil, fmt.Errorf("open cluster channel: %w", err)
	}
	c.wire.known, c.wire.own = c.known, c.receive
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.wire.serve()
	if c.list, err = memberlist.Create(c.config(at)); err != nil {
		c.cancel()
		return nil, errors.Join(fmt.Errorf("open cluster channel on %s: %w", at, err), c.wire.Shutdown())
	}
	c.running.Go(func() { c.queue.run(c.ctx.Done()) })
	c.running.Go(c.repeat)
	c.running.Go(c.meet)
	return c, nil
}

// config is memberlist's. Encryption is the transport's business: memberlist's key ring cannot give up a key while it is
// in use, and tells of what it refuses in words for people only.
func (c *Cluster) config(at netip.AddrPort) *memberlist.Config {
	m := memberlist.DefaultLANConfig()
	m.Name, m.Transport = c.o.Node, c.wire
	m.BindAddr, m.BindPort = at.Addr().String(), int(at.Port())
	m.AdvertiseAddr, m.AdvertisePort = m.BindAddr, m.BindPort
	m.Delegate, m.Events, m.Alive = delegate{c}, delegate{c}, delegate{c}
	m.ProbeInterval, m.ProbeTimeout = probeEvery, probeWithin
	m.SuspicionMult, m.SuspicionMaxTimeoutMult = 2, 2
	m.GossipInterval, m.PushPullInterval, m.TCPTimeout = gossipEvery, meetEvery, streamLimit
	m.GossipToTheDeadTime = 5 * time.Second
	m.DeadNodeReclaimTime = time.Second
	m.AwarenessMaxMultiplier = 2 // a loaded node is to notice deaths nearly as soon as others
	m.EnableCompression = false
	m.LogOutput = debugLog{c.log}
	return m
}

// Events are what is heard: values of [Heard], [Passed], [Message] and [Presence]. A reader may be slow: of the records and
// the presence of a node that wait, only the newest is kept. The channel is closed by [Cluster.Close].
func (c *Cluster) Events() <-chan any { return c.queue.out }

// SetKeys changes the keys: the first sends, all receive. To rotate without a gap, every node first learns the new key as a
// second one, then sends with it, then forgets the old one.
func (c *Cluster) SetKeys(keys [][]byte) error {
	ring, err := newKeyring(keys)
	if err != nil {
		return fmt.Errorf("cluster keys: %w", err)
	}
	c.wire.seal.ring.Store(ring)
	return nil
}

// SetPeers changes who the other nodes are, and where.
func (c *Cluster) SetPeers(peers map[string]netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addrs := map[netip.Addr]bool{}
	for name, at := range peers {
		if name == c.o.Node || len(name) > nameLimit || !at.IsValid() {
			continue
		}
		p := c.peers[name]
		if p == nil {
			p = &peer{name: name}
			c.peers[name] = p
		}
		p.at = plain(at)
		addrs[p.at.Addr()] = true
	}
	for name, p := range c.peers {
		if _, stays := peers[name]; !stays {
			c.tell(p.absent())
			delete(c.peers, name)
		}
	}
	c.byAddr = addrs
}

// Stats returns what was refused so far.
func (c *Cluster) Stats() Stats { return c.count.stats() }

// Close tells the other nodes the last record, says goodbye, and ends the channel. It takes a second at most.
func (c *Cluster) Close() (err error) {
	c.closing.Do(func() {
		c.parting()
		if err := c.list.Leave(leaveWithin); err != nil {
			c.log.Debug("cluster: leave", "error", err)
		}
		c.cancel()
		err = c.list.Shutdown() // the transport's too
		c.running.Wait()
		c.pumps.Wait()
	})
	return err
}
