// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// echoPort is where every node of a test with a client answers.
const echoPort = 4000

// Echo answers each datagram on a node's port 4000, on any of its addresses, until the context ends.
func Echo(ctx context.Context, node *netlab.Node) error {
	conn, err := node.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", echoPort))
	if err != nil {
		return fmt.Errorf("answer on %s: %w", node.Name(), err)
	}
	context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // nothing is written any more
	go func() {
		buffer := make([]byte, 64)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			conn.WriteTo(buffer[:n], from) //nolint:errcheck // the client counts
		}
	}()
	return nil
}

// Client asks an address again and again and remembers when it got no answer.
type Client struct {
	conn net.PacketConn
	done sync.WaitGroup
	stop context.CancelFunc

	mu   sync.Mutex
	sent []time.Time
	back []bool
}

// Ask begins to ask the address each tick from a node.
func Ask(ctx context.Context, node *netlab.Node, addr netip.Addr, tick time.Duration) (*Client, error) {
	conn, err := node.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		return nil, fmt.Errorf("ask from %s: %w", node.Name(), err)
	}
	ctx, stop := context.WithCancel(ctx)
	c := &Client{conn: conn, stop: stop}
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, echoPort))
	c.done.Go(func() { c.send(ctx, to, tick) })
	c.done.Go(c.receive)
	return c, nil
}

func (c *Client) send(ctx context.Context, to net.Addr, tick time.Duration) {
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-beat.C:
			c.mu.Lock()
			number := len(c.sent)
			c.sent, c.back = append(c.sent, now), append(c.back, false)
			c.mu.Unlock()
			c.conn.WriteTo(binary.BigEndian.AppendUint64(nil, uint64(number)), to) //nolint:errcheck // an error is a request without answer
		}
	}
}

func (c *Client) receive() {
	buffer := make([]byte, 64)
	for {
		n, _, err := c.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n != 8 {
			continue
		}
		number := binary.BigEndian.Uint64(buffer)
		c.mu.Lock()
		if number < uint64(len(c.back)) {
			c.back[number] = true
		}
		c.mu.Unlock()
	}
}

// Lost is a run of requests without an answer.
type Lost struct {
	From  time.Time
	For   time.Duration // from the first of them to the first that was answered
	Count int
}

// Since lists what was lost of the requests that were sent at or after a time and long enough ago for an answer.
func (c *Client) Since(t time.Time) (asked int, lost []Lost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := false
	for i, at := range c.sent {
		if at.Before(t) || time.Since(at) < 50*time.Millisecond {
			continue
		}
		asked++
		switch {
		case c.back[i] && open:
			l := &lost[len(lost)-1]
			l.For, open = at.Sub(l.From), false
		case !c.back[i] && !open:
			lost, open = append(lost, Lost{From: at, Count: 1}), true
		case !c.back[i]:
			lost[len(lost)-1].Count++
		}
		if open {
			l := &lost[len(lost)-1]
			l.For = at.Sub(l.From)
		}
	}
	return asked, lost
}

// Stop ends the asking.
func (c *Client) Stop() error {
	c.stop()
	err := c.conn.Close()
	c.done.Wait()
	return err
}
