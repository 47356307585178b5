// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"net/netip"
	"sync"
	"time"
)

// sourcesLimit bounds the sources that are remembered; beyond it new ones share one allowance.
const sourcesLimit = 16 << 10

// gate lets conversations in as far as the limits go. Its methods may be called from several goroutines.
type gate struct {
	total, each int
	rate        float64 // tokens a second with one source; the burst is twice that

	mu      *sync.Mutex
	open    int
	sources map[netip.Addr]*source
	swept   time.Time
}

// source is what is remembered of one: its conversations, and its tokens at an instant.
type source struct {
	open   int
	tokens float64
	at     time.Time
}

func newGate(total, each, rate int) gate {
	return gate{total: total, each: each, rate: float64(rate), mu: &sync.Mutex{}, sources: map[netip.Addr]*source{}}
}

// enter reports whether a source may begin a conversation now; then leave must follow.
func (g *gate) enter(now time.Time, from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.total {
		return false
	}
	s := g.source(now, from)
	s.refill(now, g.rate)
	if s.open >= g.each || s.tokens < 1 {
		return false
	}
	s.tokens--
	s.open++
	g.open++
	return true
}

// leave ends a conversation that entered.
func (g *gate) leave(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	s := g.sources[from]
	if s == nil {
		s = g.sources[netip.Addr{}] // it came when there were too many
	}
	s.open--
}

// source returns what is remembered of a source, and forgets those of which there is nothing to remember.
func (g *gate) source(now time.Time, from netip.Addr) *source {
	if s := g.sources[from]; s != nil {
		return s
	}
	if len(g.sources) >= sourcesLimit && now.Sub(g.swept) > time.Second {
		g.swept = now
		for a, s := range g.sources {
			if s.refill(now, g.rate); s.open == 0 && s.tokens >= 2*g.rate {
				delete(g.sources, a)
			}
		}
	}
	if len(g.sources) >= sourcesLimit {
		from = netip.Addr{}
		if s := g.sources[from]; s != nil {
			return s
		}
	}
	s := &source{tokens: 2 * g.rate, at: now}
	g.sources[from] = s
	return s
}

func (s *source) refill(now time.Time, rate float64) {
	if d := now.Sub(s.at); d > 0 {
		s.tokens = min(2*rate, s.tokens+d.Seconds()*rate)
		s.at = now
	}
}
