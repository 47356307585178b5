// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/peers"
)

const (
	servicePort   = "7000"
	answerRounds  = 10
	answerPatient = 15 * time.Second // a connection without an answer until then is taken to have none
	flowsLearned  = 4 * time.Second  // Regent's nodes tell each other of connections that stand still
)

// policyText is the service as Regent is meant to be told: with an owner and a standby that know of each other.
func policyText(dir string, interval time.Duration) func(node string, _ ...peers.Router) string {
	return func(node string, _ ...peers.Router) string {
		return fmt.Sprintf(`node = %q
[cluster]
name = "bench"
key_file = %q
[nodes.owner]
address = "10.99.0.1"
[nodes.heir]
address = "10.99.0.2"
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.100/24"]
advert_interval = %q
owner = "owner"
standbys = ["heir"]
takeover = "forbid"
`, node, filepath.Join(dir, "cluster.key"), interval)
	}
}

// answer cuts the owner of a service off and waits on connections of three kinds.
func (b *bench) answer() error {
	for _, interval := range b.intervals {
		if interval < 100*time.Millisecond {
			continue
		}
		for range min(b.rounds, answerRounds) {
			for _, s := range b.subjects {
				situation := "cut off, " + interval.String()
				if !strings.Contains(situation, b.only) {
					continue
				}
				b.say("%s: %s", situation, s.name)
				if err := b.steady(func() error { return b.answerOnce(s, interval, situation) }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// outcome is how a connection ended: when, or never.
type outcome struct {
	quantity string
	at       time.Time
}

func (b *bench) answerOnce(s subject, interval time.Duration, situation string) (err error) {
	keys := filepath.Join(b.dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(keys, "cluster.key"), []byte("MDEyMzQ1Njc4OWFiY2RlZg==\n"), 0o600); err != nil {
		return err
	}
	plain := s.make
	s.make = func(dir string, realtime bool) worker {
		d := plain(dir, realtime)
		if r, ok := d.(*peers.Regent); ok {
			r.Text = policyText(keys, interval)
		}
		return d
	}
	st, err := b.newStage(s, interval, false, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := st.calm(); err != nil {
		return err
	}
	listener, err := st.owner.Listen("tcp", ":"+servicePort)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the lab ends it too
	go serve(listener)
	wire, err := st.lab.Capture("answer", "ip proto 112")
	if err != nil {
		return err
	}
	idle, err := st.connect()
	if err != nil {
		return err
	}
	sending, err := st.connect()
	if err != nil {
		return errors.Join(err, idle.Close())
	}
	ends := make(chan outcome, 3)
	go func() { ends <- ended("idle connection", idle, nil) }()
	go func() { ends <- ended("sending connection", sending, []byte("still there?\n")) }()
	if err := b.wait(flowsLearned); err != nil {
		return err
	}
	if err := st.owner.Cut(); err != nil {
		return err
	}
	cut := time.Now()
	go func() { ends <- st.knock() }()
	outcomes := []outcome{<-ends, <-ends, <-ends}
	if _, err := wire.Stop(); err != nil {
		return err
	}
	_, takeover, ok := theory(wire.Frames(), st.owner.Port("eth0").MAC().String(), st.heir.Port("eth0").MAC().String(), st.routers[1])
	if !ok {
		return errDisturbed
	}
	for _, o := range outcomes {
		fromLoss, fromTakeover := math.Inf(1), math.Inf(1)
		if !o.at.IsZero() {
			fromLoss, fromTakeover = ms(o.at.Sub(cut)), ms(o.at.Sub(takeover))
		}
		b.add(situation, o.quantity+": from the loss to the answer", Milliseconds, s.name, fromLoss)
		if o.quantity != "new connection" {
			b.add(situation, o.quantity+": from the heir's first advert to the answer", Milliseconds, s.name, fromTakeover)
		}
	}
	return nil
}

// serve answers what comes with itself.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c) //nolint:errcheck // the client counts
			c.Close()            //nolint:errcheck
		}()
	}
}

// connect connects the client and has the service answer once.
func (st *stage) connect() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(st.b.ctx, 5*time.Second)
	defer cancel()
	c, err := st.client.Dial(ctx, "tcp", net.JoinHostPort(st.vip.String(), servicePort))
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*net.TCPConn); ok {
		if err := t.SetKeepAlive(false); err != nil { // Go's clients ask after 15 s; most do after two hours
			return nil, errors.Join(err, c.Close())
		}
	}
	buffer := make([]byte, 6)
	_, err = c.Write([]byte("hello\n"))
	if err == nil {
		_, err = io.ReadFull(c, buffer)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// ended waits for the end of a connection, on which something is said every 10 ms, or nothing.
func ended(quantity string, c net.Conn, words []byte) outcome {
	defer c.Close() //nolint:errcheck // it has ended
	limit := time.Now().Add(flowsLearned + answerPatient)
	if words != nil {
		go func() {
			for time.Now().Before(limit) {
				if _, err := c.Write(words); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	if err := c.SetDeadline(limit); err != nil {
		return outcome{quantity: quantity}
	}
	buffer := make([]byte, 4096)
	for {
		if _, err := c.Read(buffer); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return outcome{quantity: quantity}
			}
			return outcome{quantity, time.Now()}
		}
	}
}

// knock begins a connection that nobody has answered yet.
func (st *stage) knock() outcome {
	ctx, cancel := context.WithTimeout(st.b.ctx, answerPatient)
	defer cancel()
	c, err := st.client.Dial(ctx, "tcp", net.JoinHostPort(st.vip.String(), servicePort))
	if err == nil {
		c.Close() //nolint:errcheck // a service was found
	}
	if ctx.Err() != nil {
		return outcome{quantity: "new connection"}
	}
	return outcome{"new connection", time.Now()}
}
