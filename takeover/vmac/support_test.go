// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func node(t testing.TB, lab *netlab.Lab, name string, prefixes ...string) *netlab.Node {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	must(t, err)
	return n
}

// kernel opens a Kernel in a node; what it says at level warn fails the test.
func kernel(t testing.TB, n *netlab.Node) *Kernel {
	t.Helper()
	var k *Kernel
	must(t, n.Do(func() (err error) {
		k, err = Open(slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
		return err
	}))
	t.Cleanup(func() {
		must(t, n.Do(func() error { return k.Close(false) }))
	})
	return k
}

type logWriter struct{ t testing.TB }

func (w logWriter) Write(b []byte) (int, error) {
	w.t.Errorf("warning: %s", bytes.TrimSpace(b))
	return len(b), nil
}

// set sets what is wanted, all of which has to succeed.
func set(t testing.TB, n *netlab.Node, k *Kernel, wants ...Want) []Place {
	t.Helper()
	var places []Place
	must(t, n.Do(func() error {
		var errs []error
		places, errs = k.Set(wants)
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return places
}

func show(t testing.TB, n *netlab.Node, k *Kernel, answering map[int][]netip.Addr) {
	t.Helper()
	must(t, n.Do(func() error { k.Show(answering); return nil }))
}

// sysctl reads a setting of an interface, whose name may have a dot.
func sysctl(t testing.TB, n *netlab.Node, family, name, key string) string {
	t.Helper()
	var b []byte
	must(t, n.Do(func() (err error) {
		b, err = os.ReadFile(interfacePath(family, name, key))
		return err
	}))
	return strings.TrimSpace(string(b))
}

// table lists the table as nft(8) does; "" if there is none.
func listing(t testing.TB, n *netlab.Node) string {
	t.Helper()
	out, err := n.Command(t.Context(), "nft", "list", "tables").Output()
	must(t, err)
	if !strings.Contains(string(out), tableName) {
		return ""
	}
	out, err = n.Command(t.Context(), "nft", "list", "table", "netdev", tableName).Output()
	must(t, err)
	return string(out)
}

// macvlans are the interfaces of that kind in a node, by name.
func macvlans(t testing.TB, n *netlab.Node) map[string]*netlink.Macvlan {
	t.Helper()
	list, err := n.Netlink().LinkList()
	must(t, err)
	out := map[string]*netlink.Macvlan{}
	for _, l := range list {
		if m, ok := l.(*netlink.Macvlan); ok {
			out[m.Name] = m
		}
	}
	return out
}

func addAddress(t testing.TB, n *netlab.Node, index int, prefix string) {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if p.Addr().Is6() {
		a.Flags = 0x02 // IFA_F_NODAD
	}
	l, err := n.Netlink().LinkByIndex(index)
	must(t, err)
	must(t, n.Netlink().AddrAdd(l, a))
}

// neighbours is what a node knows of the link-layer addresses of others.
func neighbours(t testing.TB, n *netlab.Node) map[netip.Addr]string {
	t.Helper()
	list, err := n.Netlink().NeighList(n.Index("eth0"), netlink.FAMILY_ALL)
	must(t, err)
	out := map[netip.Addr]string{}
	for _, e := range list {
		if a, ok := netip.AddrFromSlice(e.IP); ok && len(e.HardwareAddr) == 6 {
			out[a.Unmap()] = e.HardwareAddr.String()
		}
	}
	return out
}

// forget empties a node's neighbour tables.
func forget(t testing.TB, n *netlab.Node) {
	t.Helper()
	if out, err := n.Command(t.Context(), "ip", "neigh", "flush", "all").CombinedOutput(); err != nil {
		t.Fatalf("flush neighbours: %v: %s", err, out)
	}
}

// echo answers connections to port 7 of all addresses of a node, one line each.
func echo(t testing.TB, n *netlab.Node) {
	t.Helper()
	l, err := n.Listen("tcp", "[::]:7")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 64)
				n, _ := c.Read(b)
				_, _ = c.Write(b[:n])
			}()
		}
	}()
}

// call says something to an address and wants it back.
func call(t testing.TB, n *netlab.Node, addr netip.Addr) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
	defer end()
	c, err := n.Dial(ctx, "tcp", netip.AddrPortFrom(addr, 7).String())
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = c.Write([]byte("hello\n"))
	must(t, err)
	b := make([]byte, 64)
	if got, err := c.Read(b); err != nil || got != 6 {
		t.Fatalf("%s answers %q, %v", addr, b[:got], err)
	}
}
