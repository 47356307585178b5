// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// byHand is a service without policy, as keepalived would have it: nothing of it is ever refused.
const byHand = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
priority = 100
`

// On every planned move each client is told that its connection is over: those that wait silently for an answer, and those
// that connect while it happens.
func TestPlannedMovesLeaveNobodyWaiting(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name, text string
		move       func(c *cast)
	}{
		{"stop, with control", serviceWith(""), stopOwner},
		{"stop, without control", stateless, stopOwner},
		{"stop, by hand", byHand, stopOwner},
		{"drain", serviceWith(""), func(c *cast) { c.must("db1", "drain", "db1") }},
		{"priority", byHand, func(c *cast) {
			h := c.hosts["db1"]
			h.configure(strings.Replace(c.text, "priority = 100", "priority = 50", 1))
			h.reload()
		}},
		{"failback", serviceWith(`failback = "manual"`), func(c *cast) { c.must("db1", "failback", "orders") }},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, 2, strings.Replace(m.text, `, "db3"]`, "]", 1))
			if !strings.Contains(m.text, "control") {
				c.listeners()
			}
			c.start()
			from, to := "db1", "db2"
			c.answers("db1")
			if m.name == "failback" {
				from, to = to, from
				c.kill("db1")
				c.answers("db2")
				c.power("db1")
				c.hosts["db1"].is("orders", "ipv4", "backup")
			}
			crowd := newCrowd(c.client)
			crowd.until(t, 200)
			m.move(c)
			c.answers(to)
			c.hosts[from].until("free of the address", 10*time.Second, func() bool { return !c.hosts[from].holds(virtual) })
			crowd.end()
			if waiting := crowd.waiting(from, 2*time.Second); waiting > 0 {
				t.Errorf("%d of %d clients of %s still wait%s", waiting, crowd.size(from), from, c.logs())
			}
		})
	}
}

func stopOwner(c *cast) {
	if err := c.hosts["db1"].cmd.Stop(20 * time.Second); err != nil {
		c.t.Fatal(err)
	}
}

// crowd is clients that connect, one after the other, read a greeting, and wait for what never comes.
type crowd struct {
	stop, done chan struct{}
	mu         sync.Mutex
	greeted    map[string]int // by who greeted
	open       map[string]int // of these, those that were told nothing since
}

func newCrowd(from *netlab.Node) *crowd {
	c := &crowd{stop: make(chan struct{}), done: make(chan struct{}), greeted: map[string]int{}, open: map[string]int{}}
	go func() {
		defer close(c.done)
		for {
			select {
			case <-c.stop:
				return
			case <-time.After(2 * time.Millisecond):
				c.join(from)
			}
		}
	}()
	return c
}

func (c *crowd) join(from *netlab.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := from.Dial(ctx, "tcp", virtual+":5432")
	if err != nil {
		return // it was refused, and knows
	}
	go func() {
		defer conn.Close()
		lines := bufio.NewReader(conn)
		who, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		who = strings.TrimSpace(who)
		c.mu.Lock()
		c.greeted[who]++
		c.open[who]++
		c.mu.Unlock()
		_, _ = lines.ReadString('\n')
		c.mu.Lock()
		c.open[who]--
		c.mu.Unlock()
	}()
}

// until waits for so many clients.
func (c *crowd) until(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		have := 0
		for _, k := range c.greeted {
			have += k
		}
		c.mu.Unlock()
		if have >= n {
			return
		}
	}
	t.Fatalf("no %d clients", n)
}

func (c *crowd) end() {
	close(c.stop)
	<-c.done
}

func (c *crowd) size(who string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.greeted[who]
}

// waiting is how many clients of a node still wait after a time.
func (c *crowd) waiting(who string, limit time.Duration) int {
	n := 0
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		c.mu.Lock()
		n = c.open[who]
		c.mu.Unlock()
		if n == 0 || time.Now().After(end) {
			return n
		}
	}
}
