// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// What the worker finds in its environment.
const (
	lineVariable  = "REGENT_SUPERVISOR_FD" // the descriptor of the line
	crashVariable = "REGENT_AFTER_CRASH"   // set when the worker before died
)

// The heartbeat is sent while the loop goes round, five times within the limit, but neither more often nor more seldom than this.
const (
	beatFastest = 100 * time.Millisecond
	beatSlowest = 500 * time.Millisecond
)

// beatFor is how often the heartbeat is sent if it may stay away for the limit.
func beatFor(limit time.Duration) time.Duration { return min(max(limit/5, beatFastest), beatSlowest) }

// lastWords is how long the end of a worker waits for a supervisor that does not read.
const lastWords = time.Second

// Client is the worker's end of the line. Its methods return at once; a nil Client, of a worker without a parent, does
// nothing.
type Client struct {
	conn       net.Conn
	AfterCrash bool

	mu     sync.Mutex
	order  []vrrp.ID          // of pending
	wills  map[vrrp.ID]*Entry // pending; nil entry: delete
	others []message          // pending, in order
	every  time.Duration      // between heartbeats; 0: as often as the shortest limit needs
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Connect returns the line to the supervisor that started this process, or nil if there is none.
func Connect() (*Client, error) {
	text := os.Getenv(lineVariable)
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "supervisor")
	conn, err := net.FileConn(file)
	file.Close() //nolint:errcheck // conn has a duplicate
	if err != nil {
		return nil, err
	}
	c := newClient(conn)
	c.AfterCrash = os.Getenv(crashVariable) != ""
	return c, nil
}

func newClient(conn net.Conn) *Client {
	return &Client{conn: conn, wills: map[vrrp.ID]*Entry{}, wake: make(chan struct{}, 1), closed: make(chan struct{})}
}

// Run sends what is told, and a heartbeat whenever beat has changed, until ctx ends. It calls orphaned once if the
// supervisor is gone.
func (c *Client) Run(ctx context.Context, beat func() uint64, orphaned func()) {
	if c == nil {
		return
	}
	go c.listen(orphaned)
	every := beatFastest
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	defer c.shut()
	defer context.AfterFunc(ctx, func() {
		c.conn.SetWriteDeadline(time.Now().Add(lastWords)) //nolint:errcheck // it is closed already
	})()
	var buf []byte
	last := uint64(0)
	for {
		alive := false
		ended := false
		select {
		case <-c.wake:
			if next := c.pace(); next != every {
				every = next
				ticker.Reset(every)
				alive = true // the ticker begins anew: who changes the limit often would never let it end
			}
		case <-ticker.C:
			alive = true
		case <-ctx.Done():
			ended = true
		}
		if alive {
			b := beat()
			last, alive = b, b != last
		}
		buf = c.collect(buf[:0], alive)
		if len(buf) > 0 {
			if _, err := c.conn.Write(buf); err != nil {
				if ctx.Err() == nil {
					c.once.Do(func() { c.conn.Close() }) //nolint:errcheck // the parent is gone: listen tells
				}
				return
			}
		}
		if ended {
			return
		}
	}
}

// listen waits for the end of the supervisor, which never writes.
func (c *Client) listen(orphaned func()) {
	_, err := c.conn.Read(make([]byte, 1))
	select {
	case <-c.closed:
	default:
		if err != nil && orphaned != nil {
			orphaned()
		}
	}
}

func (c *Client) shut() {
	c.once.Do(func() {
		close(c.closed)
		c.conn.Close() //nolint:errcheck // nothing more is sent
	})
}

// collect encodes what is pending. A message that cannot be encoded is left out: it could never be sent.
func (c *Client) collect(b []byte, alive bool) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if alive {
		b, _ = appendFrame(b, message{Verb: verbBeat}) //nolint:errcheck // a constant
	}
	for _, id := range c.order {
		m := message{Verb: verbPut, ID: id, Entry: c.wills[id]}
		if m.Entry == nil {
			m.Verb = verbDelete
		}
		if with, err := appendFrame(b, m); err == nil {
			b = with
		}
	}
	for _, m := range c.others {
		if with, err := appendFrame(b, m); err == nil {
			b = with
		}
	}
	clear(c.wills)
	c.order, c.others = c.order[:0], nil
	return b
}

func (c *Client) tell(f func()) {
	if c == nil {
		return
	}
	c.mu.Lock()
	f()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Will replaces the last will of a virtual router; a nil entry withdraws it. Only the latest is sent.
func (c *Client) Will(id vrrp.ID, e *Entry) {
	c.tell(func() {
		if _, pending := c.wills[id]; !pending {
			c.order = append(c.order, id)
		}
		c.wills[id] = e
	})
}

// Limit says how long the heartbeat may stay away.
func (c *Client) Limit(d time.Duration) {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.every = beatFor(d)
	c.mu.Unlock()
	c.say(message{Verb: verbLimit, Limit: d})
}

// pace is how often the heartbeat is to be sent.
func (c *Client) pace() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.every, beatFastest)
}

// Ready says that the worker works, also after a reload.
func (c *Client) Ready(text string) { c.say(message{Verb: verbReady, Text: text}) }

// Reloading says that a reload began.
func (c *Client) Reloading() { c.say(message{Verb: verbReloading}) }

// Stopping says that a planned stop began. Services that have to be stopped may take patience, beyond what addresses take.
func (c *Client) Stopping(patience time.Duration) {
	c.say(message{Verb: verbStopping, Limit: patience})
}

// Farewell says that everything was given back. It is the last word.
func (c *Client) Farewell() { c.say(message{Verb: verbFarewell}) }

// Hold makes the supervisor keep a duplicate of a descriptor until this process is gone. The kernel closes a packet
// socket only after a grace period (16 ms); with a duplicate elsewhere the end of this process, and with it the last
// will, does not wait for that.
func (c *Client) Hold(fd int) { c.say(message{Verb: verbHold, FD: fd}) }

func (c *Client) say(m message) {
	c.tell(func() { c.others = append(c.others, m) })
}
