// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// attemptLimit is how long the client waits for one address, and so the longest silence it would notice.
const attemptLimit = 2 * time.Second

// attempt is one fresh connection of the client and how it ended.
type attempt struct {
	start, end time.Time
	server     string // who greeted
	err        error
}

// client makes fresh connections to one address, one each few milliseconds without waiting for the earlier ones.
type client struct {
	node    *netlab.Node
	address string

	mu       sync.Mutex
	attempts []attempt
	fresh    chan struct{}
}

// watch begins to make attempts until ctx ends.
func watch(ctx context.Context, node *netlab.Node, address string, every time.Duration) *client {
	c := &client{node: node, address: address, fresh: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				go c.try(ctx)
			}
		}
	}()
	return c
}

func (c *client) try(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	a := attempt{start: time.Now()}
	a.server, a.err = greet(ctx, c.node, c.address)
	a.end = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, a)
	close(c.fresh)
	c.fresh = make(chan struct{})
}

// wait returns the first attempt begun at or after since that matches.
func (c *client) wait(ctx context.Context, since time.Time, match func(attempt) bool) (attempt, error) {
	seen := 0
	for {
		c.mu.Lock()
		pending, fresh := c.attempts[seen:], c.fresh
		seen = len(c.attempts)
		c.mu.Unlock()
		for _, a := range pending {
			if !a.start.Before(since) && match(a) {
				return a, nil
			}
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return attempt{}, errors.New("not observed in time")
		}
	}
}

// served counts the attempts begun in a stretch of time that the service answered.
func (c *client) served(from, to time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, a := range c.attempts {
		if a.err == nil && !a.start.Before(from) && a.start.Before(to) {
			n++
		}
	}
	return n
}

// greet connects and reads the greeting.
func greet(ctx context.Context, node *netlab.Node, address string) (string, error) {
	conn, err := node.Dial(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return greeting(ctx, conn)
}

func greeting(ctx context.Context, conn net.Conn) (string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetReadDeadline(deadline); err != nil {
			return "", err
		}
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// idle is a connection on which the client waits for the server to speak.
type idle struct {
	conn  net.Conn
	ended chan ending
}

type ending struct {
	at  time.Time
	err error
}

// holdIdle connects, reads the greeting, and then only listens.
func holdIdle(ctx context.Context, node *netlab.Node, address string) (*idle, error) {
	dial, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	conn, err := node.Dial(dial, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("idle connection: %w", err)
	}
	if _, err := greeting(dial, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("idle connection: %w", err), conn.Close())
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	i := &idle{conn: conn, ended: make(chan ending, 1)}
	go func() {
		_, err := conn.Read(make([]byte, 1))
		i.ended <- ending{time.Now(), err}
	}()
	return i, nil
}

// fate waits for the end of the connection; if it does not come by itself within patience, the client sends a line.
func (i *idle) fate(ctx context.Context, patience time.Duration) (at time.Time, how string, err error) {
	defer i.conn.Close()
	quiet := time.NewTimer(patience)
	defer quiet.Stop()
	how = "was reset at once, without sending"
	for {
		select {
		case e := <-i.ended:
			if e.err == nil {
				return e.at, "", errors.New("the old connection still answers")
			}
			return e.at, how, nil
		case <-quiet.C:
			how = "was reset when it next sent"
			if _, err := fmt.Fprintln(i.conn, "still there?"); err != nil {
				return time.Now(), how, nil
			}
		case <-ctx.Done():
			return time.Time{}, "", errors.New("the idle connection hangs")
		}
	}
}
