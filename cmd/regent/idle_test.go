// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// watched is a service of two families that must not be taken over.
const watched = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "2001:db8:99::101/64"]
advert_interval = "100ms"
owner = "db1"
standbys = ["db2"]
takeover = "forbid"
[service.respond]
"tcp/5433" = "http"
`

// idle is clients that were greeted and wait.
type idle struct {
	mu    sync.Mutex
	ended []time.Time
	bad   map[string]int // other ends than a reset
	left  sync.WaitGroup
	conns []net.Conn
}

// newIdle connects clients and waits until each was greeted.
func newIdle(t *testing.T, from *netlab.Node, address string, n int) *idle {
	t.Helper()
	i := &idle{bad: map[string]int{}}
	t.Cleanup(func() {
		for _, c := range i.conns {
			c.Close() //nolint:errcheck // most have ended
		}
		i.left.Wait()
	})
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := from.Dial(ctx, "tcp", address)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		i.conns = append(i.conns, c)
		lines := bufio.NewReader(c)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		i.left.Go(func() {
			_, err := lines.ReadString('\n')
			at := time.Now()
			i.mu.Lock()
			defer i.mu.Unlock()
			if errors.Is(err, unix.ECONNRESET) {
				i.ended = append(i.ended, at)
			} else if err != nil {
				i.bad[err.Error()]++
			}
		})
	}
	return i
}

// within is how many were told until an instant, and the median after the takeover.
func (i *idle) within(takeover time.Time, limit time.Duration) (n int, median time.Duration) {
	time.Sleep(time.Until(takeover.Add(limit)))
	i.mu.Lock()
	defer i.mu.Unlock()
	slices.SortFunc(i.ended, time.Time.Compare)
	for _, at := range i.ended {
		if at.Sub(takeover) <= limit {
			n++
		}
	}
	if len(i.ended) > 0 {
		median = i.ended[len(i.ended)/2].Sub(takeover)
	}
	return n, median
}

// Connections on which nobody says anything when the owner dies: their clients learn of it with the takeover, in both
// families, also behind a firewall that drops what it takes for invalid. Those that the heir knows nothing of hang.
func TestIdleClientsLearnOfTheTakeover(t *testing.T) {
	for _, setting := range []string{"open", "firewall", "untold"} {
		t.Run(setting, func(t *testing.T) {
			const clients = 1000
			limit := 250 * time.Millisecond
			if os.Getenv("REGENT_PROOF") != "" {
				limit = 50 * time.Millisecond
			}
			c := newCast(t, 2, watched)
			for name, prefix := range map[string]string{"db1": "2001:db8:99::1/64", "db2": "2001:db8:99::2/64"} {
				if _, err := c.hosts[name].Run(t.Context(), "ip", "addr", "add", prefix, "dev", "eth0", "nodad"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.client.Run(t.Context(), "ip", "addr", "add", "2001:db8:99::100/64", "dev", "eth0", "nodad"); err != nil {
				t.Fatal(err)
			}
			if setting == "firewall" {
				c.write("firewall.nft", "table inet firewall {\n chain in { type filter hook input priority 0\n ct state invalid counter drop\n }\n}\n", 0o600)
				if _, err := c.client.Run(t.Context(), "nft", "-f", c.dir+"/firewall.nft"); err != nil {
					t.Fatal(err)
				}
			}
			for name := range c.hosts {
				c.wrong(name, "5433")
			}
			c.listeners().start()
			c.answers("db1")
			if setting == "untold" { // the heir never hears of the connections: how it is without tickles
				for _, h := range c.hosts {
					if _, err := h.Run(t.Context(), "nft", channelCut); err != nil {
						t.Fatal(err)
					}
				}
			}
			four := newIdle(t, c.client, virtual+":5432", clients)
			six := newIdle(t, c.client, "["+virtual6+"]:5432", clients)
			words := newIdle(t, c.client, virtual+":5433", clients/10) // at a port that will answer in words
			time.Sleep(4 * time.Second)                                // two samples at least: numbers are told when they stand still
			killed := time.Now()
			c.kill("db1")
			takeover := map[string]time.Time{}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			for family, match := range map[string]func(netlab.Frame) bool{
				"ipv4": func(f netlab.Frame) bool {
					src, _, proto, _, ok := f.IP()
					return ok && proto == 112 && src.Is4() && strings.HasSuffix(src.String(), ".2")
				},
				"ipv6": func(f netlab.Frame) bool {
					src, _, proto, _, ok := f.IP()
					return ok && proto == 112 && src.Is6() && src.As16()[15] == 2
				},
			} {
				f, err := c.wire.Wait(ctx, killed, match)
				if err != nil {
					t.Fatalf("%s: no advert of db2: %v%s", family, err, c.logs())
				}
				takeover[family] = f.Time
			}
			for family, i := range map[string]*idle{"ipv4": four, "ipv6": six} {
				n, median := i.within(takeover[family], time.Second)
				t.Logf("%s: %d of %d clients were told within 1 s of the takeover, median %v", family, n, clients, median)
				if setting == "untold" {
					if n > 0 {
						t.Errorf("%s: %d clients were told by nobody", family, n)
					}
					continue
				}
				if n < clients*999/1000 || median > limit {
					t.Errorf("%s: %d of %d clients were told within 1 s of the takeover, median %v: want %d, %v; others: %v%s",
						family, n, clients, median, clients*999/1000, limit, i.bad, c.logs())
				}
			}
			if n, _ := words.within(takeover["ipv4"], time.Second); setting != "untold" && n < clients/10 {
				t.Errorf("spoken port: %d of %d clients were told", n, clients/10)
			}
		})
	}
}
