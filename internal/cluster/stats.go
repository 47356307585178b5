// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Stats is what was refused. LastSource is who sent the last of it, as far as that is known.
type Stats struct {
	WrongKey   uint64 // encrypted with another key, or not at all
	Garbage    uint64 // with the right key, and no message of this version
	Replayed   uint64 // heard before, out of date, or for another receiver
	Foreign    uint64 // of a node or a cluster that the file does not name
	Dropped    uint64 // good, but nobody took it in time
	LastSource string
}

// refusal is a kind of it.
type refusal uint8

const (
	wrongKey refusal = iota
	garbage
	replayed
	foreign
	dropped
	refusals
)

func (r refusal) String() string {
	return [...]string{"wrong key", "garbage", "replayed", "foreign node", "not taken in time"}[r]
}

// counter counts what is refused. It is also where memberlist's log goes, as that is the only place where it tells of
// what it cannot decrypt.
type counter struct {
	log *slog.Logger

	mu    sync.Mutex
	n     [refusals]uint64
	from  string
	noted [refusals]time.Time
}

// noteEvery is how often a kind is logged.
const noteEvery = time.Minute

func (c *counter) add(r refusal, from string) {
	c.mu.Lock()
	c.n[r]++
	c.from = from
	count := c.n[r]
	say := time.Since(c.noted[r]) >= noteEvery
	if say {
		c.noted[r] = time.Now()
	}
	c.mu.Unlock()
	if say {
		c.log.Warn("cluster: refused", "kind", r.String(), "from", from, "count", count)
	}
}

func (c *counter) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{WrongKey: c.n[wrongKey], Garbage: c.n[garbage], Replayed: c.n[replayed], Foreign: c.n[foreign], Dropped: c.n[dropped], LastSource: c.from}
}

// Write takes a line of memberlist's log.
func (c *counter) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	_, from, inbound := strings.Cut(text, "from=")
	low := strings.ToLower(text)
	switch {
	case strings.Contains(low, "decrypt") || strings.Contains(low, "encryption is configured but"):
		c.add(wrongKey, from)
	case strings.Contains(low, "label"):
		c.add(foreign, from)
	case inbound && (strings.Contains(text, "[ERR]") || strings.Contains(text, "[WARN]")):
		c.add(garbage, from)
	default:
		c.log.Debug(text)
	}
	return len(line), nil
}
