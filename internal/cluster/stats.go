// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"log/slog"
	"sync"
	"time"
)

// Refused is how much of a kind was refused, and who sent the last of it: an address, or a node's name.
type Refused struct {
	Count uint64
	Last  string
}

// Stats is what was refused.
type Stats struct {
	WrongKey Refused // no key opens it: another key, something forged, or what was captured on its way to another node
	Garbage  Refused // no message of this version
	Replayed Refused // taken before, of an earlier run of its sender, or for an earlier run of this node
	Foreign  Refused // of another cluster, or of a node that the file does not name, or not there
	TooLarge Refused // longer than is carried
	Dropped  Refused // good, but nobody took it in time
}

// refusal is a kind of it.
type refusal uint8

const (
	fine refusal = iota // not refused
	wrongKey
	garbage
	replayed
	foreign
	tooLarge
	dropped
	refusals
)

func (r refusal) String() string {
	return [...]string{"fine", "wrong key", "garbage", "replayed", "foreign node", "too large", "not taken in time"}[r]
}

// counter counts what is refused.
type counter struct {
	log *slog.Logger

	mu    sync.Mutex
	n     [refusals]Refused
	noted [refusals]time.Time
}

// noteEvery is how often a kind is logged.
const noteEvery = time.Minute

func (c *counter) add(r refusal, from string) {
	now := time.Now()
	c.mu.Lock()
	c.n[r].Count++
	c.n[r].Last = from
	count := c.n[r].Count
	say := c.noted[r].IsZero() || now.Sub(c.noted[r]) >= noteEvery
	if say {
		c.noted[r] = now
	}
	c.mu.Unlock()
	if say {
		c.log.Warn("cluster: refused", "kind", r.String(), "from", from, "count", count)
	}
}

func (c *counter) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{WrongKey: c.n[wrongKey], Garbage: c.n[garbage], Replayed: c.n[replayed], Foreign: c.n[foreign], TooLarge: c.n[tooLarge], Dropped: c.n[dropped]}
}

// debugLog takes memberlist's log.
type debugLog struct{ log *slog.Logger }

func (d debugLog) Write(line []byte) (int, error) {
	text := string(line)
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	d.log.Debug("cluster: " + text)
	return len(line), nil
}
