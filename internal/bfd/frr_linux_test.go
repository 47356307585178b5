// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

const frrDir = "/usr/lib/frr"

// frr is FRR's bfdd in a node, with the zebra that tells it of interfaces.
type frr struct {
	t    *testing.T
	node *netlab.Node
	dir  string
}

// newFRR runs FRR with a configuration of bfdd.
func newFRR(t *testing.T, n *netlab.Node, config string) *frr {
	t.Helper()
	netlab.Require(t, filepath.Join(frrDir, "bfdd"), filepath.Join(frrDir, "zebra"), "vtysh")
	account, err := user.Lookup("frr")
	must(t, err)
	uid, err := strconv.Atoi(account.Uid)
	must(t, err)
	gid, err := strconv.Atoi(account.Gid)
	must(t, err)
	dir, err := os.MkdirTemp("", "bfd") // short enough for a socket's name, and its parents are open to all
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	for file, text := range map[string]string{"zebra.conf": "log stdout\n", "bfdd.conf": "log stdout\n" + config} {
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
		must(t, os.Chown(filepath.Join(dir, file), uid, gid))
	}
	must(t, os.Chown(dir, uid, gid))
	f := &frr{t: t, node: n, dir: dir}
	f.start("zebra")
	eventually(t, "zebra listens", func() bool { _, err := os.Stat(filepath.Join(dir, "zserv.api")); return err == nil })
	f.start("bfdd")
	return f
}

func (f *frr) start(daemon string) {
	f.t.Helper()
	cmd, err := f.node.Start(context.Background(), filepath.Join(frrDir, daemon), "-f", filepath.Join(f.dir, daemon+".conf"),
		"-i", filepath.Join(f.dir, daemon+".pid"), "-z", filepath.Join(f.dir, "zserv.api"), "--vty_socket", f.dir, "-P", "0")
	must(f.t, err)
	f.t.Cleanup(func() { cmd.Stop(10 * time.Second) }) //nolint:errcheck // how it ends is its own affair
}

// peer is what bfdd says of its session.
type peer struct {
	Status           string `json:"status"`
	Diagnostic       string `json:"diagnostic"`
	RemoteDiagnostic string `json:"remote-diagnostic"`
	Transmit         int    `json:"transmit-interval"`
	RemoteReceive    int    `json:"remote-receive-interval"`
	RemoteTransmit   int    `json:"remote-transmit-interval"`
	RemoteMultiplier int    `json:"remote-detect-multiplier"`
}

func (f *frr) peer() peer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	var peers []peer
	out, err := f.node.Command(ctx, "vtysh", "--vty_socket", f.dir, "-d", "bfdd", "-c", "show bfd peers json").Output()
	if err != nil || json.Unmarshal(out, &peers) != nil || len(peers) != 1 {
		return peer{Status: fmt.Sprintf("%v: %s", err, out)}
	}
	return peers[0]
}

// FRR's bfdd is held to be right by many routers: it and the speaker come up, agree on times, see a cut, and tell of their end.
func TestFRRAndTheSpeakerWatchEachOther(t *testing.T) {
	t.Parallel()
	const times = "  detect-multiplier 5\n  receive-interval 150\n  transmit-interval 150\n"
	for _, c := range []struct {
		name   string
		config string
		ours   func(b *netlab.Node) Config
	}{
		{"IPv4", "bfd\n peer 10.99.0.1 local-address 10.99.0.2 interface eth0\n" + times,
			func(*netlab.Node) Config { return Config{Neighbor: addr("10.99.0.2")} }},
		{"IPv4, several hops, FRR is passive", "bfd\n peer 10.99.0.1 multihop local-address 10.99.0.2\n" + times + "  passive-mode\n",
			func(*netlab.Node) Config {
				return Config{Neighbor: addr("10.99.0.2"), Source: addr("10.99.0.1"), Multihop: true}
			}},
		{"IPv6, link-local", "bfd\n peer %s local-address %s interface eth0\n" + times,
			func(b *netlab.Node) Config {
				return Config{Neighbor: linkLocal(t, b, "eth0").WithZone("eth0")}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			a, b := newNode(t, lab, "a", "10.99.0.1/24", "fd99::1/64"), newNode(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
			config := c.config
			if c.name == "IPv6, link-local" {
				config = fmt.Sprintf(config, linkLocal(t, a, "eth0"), linkLocal(t, b, "eth0"))
			}
			s := speak(t, a, paced(c.ours(b)))
			f := newFRR(t, b, config)
			s.goes(true, NoDiagnostic)
			eventually(t, "both agree on the times", func() bool {
				st, p := s.session(), f.peer()
				return st.Interval == pace && st.DetectionTime == detect && p.Status == "up" && p.RemoteTransmit == 150 && p.RemoteReceive == 150 && p.RemoteMultiplier == 5
			})
			must(t, a.Cut())
			begin := time.Now()
			if d := s.goes(false, DetectionTimeExpired).Since.Sub(begin); d > detect+slack {
				t.Errorf("down %v after the cut", d)
			}
			eventually(t, "bfdd sees the cut", func() bool {
				p := f.peer()
				return p.Status == "down" && p.Diagnostic == "control detection time expired"
			})
			must(t, a.Heal())
			s.goes(true, NoDiagnostic)
			s.watch(Config{Neighbor: s.session().Config.Neighbor, Source: s.session().Config.Source, Multihop: s.session().Config.Multihop,
				MinTX: 300 * ms, MinRX: 250 * ms, Multiplier: 6})
			eventually(t, "both agree on other times", func() bool {
				st, p := s.session(), f.peer()
				return st.Interval == 300*ms && st.DetectionTime == 1250*ms && p.RemoteTransmit == 300 && p.RemoteReceive == 250 && p.RemoteMultiplier == 6
			})
			if st := s.session(); st.Downs != 1 {
				t.Errorf("went down %d times", st.Downs)
			}
			last := s.session().Config
			s.Forget(name)
			eventually(t, "bfdd is told of AdminDown", func() bool {
				p := f.peer()
				return p.Status == "down" && p.Diagnostic == "neighbor signaled session down" && p.RemoteDiagnostic == "administratively down"
			})
			s.watch(last)
			s.goes(true, NoDiagnostic)
			out, err := b.Run(t.Context(), "vtysh", "--vty_socket", f.dir, "-d", "bfdd", "-c", "configure terminal", "-c", "bfd",
				"-c", strings.TrimSpace(strings.Split(config, "\n")[1]), "-c", "shutdown")
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			s.goes(false, NeighborSignaledDown)
		})
	}
}
