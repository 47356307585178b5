// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// client connects and waits for an answer in the background; the channel tells how that ended, and when.
type client struct {
	conn  net.Conn
	ended chan error
}

func connect(t *testing.T, from *netlab.Node, network, address string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn, err := from.Dial(ctx, network, address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	c := &client{conn, make(chan error, 1)}
	go func() {
		_, err := conn.Read(make([]byte, 1))
		c.ended <- err
	}()
	return c
}

// reset reports how the connection ended within a short time.
func (c *client) reset(t *testing.T, limit time.Duration) error {
	t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(limit):
		return nil
	}
}

// accepting listens and accepts for ever; accepted connections go to the channel.
func accepting(t *testing.T, n *netlab.Node, network, address string) <-chan net.Conn {
	t.Helper()
	l, err := n.Listen(network, address)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	accepted := make(chan net.Conn, 4096)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	return accepted
}

func TestClientsOfADestroyedAddressGetAResetAtOnce(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	vips := on(a, "10.99.0.101/24", "fd99::101/64", "10.99.0.102/24")
	none(t, k.Add(vips, time.Minute))
	dual := accepting(t, a, "tcp", ":7000")             // AF_INET6 for both families
	accepting(t, a, "tcp4", "0.0.0.0:7001")             // AF_INET
	accepting(t, a, "tcp4", "10.99.0.101:7002")         // bound to the address itself
	bystander := connect(t, b, "tcp", "10.99.0.1:7000") // the host's own address
	other := connect(t, b, "tcp", "10.99.0.102:7000")   // an address that stays
	clients := map[string]*client{}
	for _, address := range []string{
		"10.99.0.101:7000", "[fd99::101]:7000", "10.99.0.101:7001", "10.99.0.101:7002",
	} {
		clients[address] = connect(t, b, "tcp", address)
	}
	broken := make(chan error, 4)
	for range 4 {
		serverSide := <-dual
		t.Cleanup(func() { serverSide.Close() })
		go func() {
			_, err := serverSide.Read(make([]byte, 1))
			broken <- err
		}()
	}

	start := time.Now()
	n, err := k.DestroySockets([]netip.Addr{
		netip.MustParseAddr("10.99.0.101"), netip.MustParseAddr("fd99::101"), netip.MustParseAddr("10.99.0.101"),
	})
	took := time.Since(start)
	must(t, err)
	if n != 4 {
		t.Errorf("%d connections destroyed, want 4", n)
	}
	for address, c := range clients {
		if err := c.reset(t, 500*time.Millisecond); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("client of %s: %v, want connection reset", address, err)
		}
	}
	t.Logf("4 connections destroyed in %s, the last client knew after %s", took, time.Since(start))
	for range 2 {
		if err := <-broken; !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("the service's side: %v, want connection aborted", err)
		}
	}
	if err := bystander.reset(t, 50*time.Millisecond); err != nil {
		t.Errorf("connection to the host's own address ended: %v", err)
	}
	if err := other.reset(t, 0); err != nil {
		t.Errorf("connection to another address ended: %v", err)
	}
	for _, address := range []string{
		"10.99.0.101:7000", "[fd99::101]:7000", "10.99.0.101:7001", "10.99.0.101:7002", "10.99.0.1:7000",
	} {
		connect(t, b, "tcp", address) // every listener lives
	}
}

func TestManyAddressesAreFilteredHereInsteadOfInTheKernel(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	accepting(t, a, "tcp", ":7000")
	var addrs []netip.Addr
	var vips []Address
	for i := range maxFiltered + 1 {
		ip := netip.AddrFrom4([4]byte{10, 99, 0, byte(100 + i)})
		addrs = append(addrs, ip)
		vips = append(vips, Address{netip.PrefixFrom(ip, 24), a.Index("eth0")})
	}
	none(t, k.Add(vips, time.Minute))
	for _, count := range []int{1, 2, maxFiltered, maxFiltered + 1} {
		stays := connect(t, b, "tcp", "10.99.0.1:7000")
		for _, ip := range addrs {
			connect(t, b, "tcp", netip.AddrPortFrom(ip, 7000).String())
		}
		n, err := k.DestroySockets(addrs[:count])
		must(t, err)
		if n != count {
			t.Errorf("%d addresses: %d connections destroyed", count, n)
		}
		if err := stays.reset(t, 0); err != nil {
			t.Errorf("%d addresses: a connection to another address ended: %v", count, err)
		}
		_, err = k.DestroySockets(addrs[count:])
		must(t, err)
	}
}

func TestHalfOpenAndClosingConnectionsAreDestroyed(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	vip := netip.MustParseAddr("10.99.0.101")
	none(t, k.Add(on(a, "10.99.0.101/24"), time.Minute))
	accepted := accepting(t, a, "tcp4", ":7000")
	c := connect(t, b, "tcp", "10.99.0.101:7000")
	server := <-accepted
	t.Cleanup(func() { server.Close() })
	must(t, server.(*net.TCPConn).CloseWrite()) // FIN_WAIT2 here, CLOSE_WAIT there
	<-c.ended                                   // end of file
	eventually(t, time.Second, "the connection is half closed", func() bool {
		return strings.Contains(run(t, a, "ss", "-Htan"), "FIN-WAIT-2")
	})
	// A connection that this host opened from the address, to a host that does not answer.
	run(t, a, "ip", "neigh", "replace", "10.99.0.77", "lladdr", "02:00:00:00:77:77", "dev", "eth0")
	must(t, a.Do(func() error {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { syscall.Close(fd) })
		if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: vip.As4()}); err != nil {
			return err
		}
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Addr: [4]byte{10, 99, 0, 77}, Port: 9})
		if !errors.Is(err, syscall.EINPROGRESS) {
			return err
		}
		return nil
	}))
	n, err := k.DestroySockets([]netip.Addr{vip})
	must(t, err)
	if n != 2 {
		t.Errorf("%d connections destroyed, want 2 (half closed, half open); now:\n%s", n, run(t, a, "ss", "-Htan"))
	}
	if _, err := c.conn.Write([]byte("x")); err == nil {
		_, err = c.conn.Write([]byte("x"))
		if err == nil {
			t.Error("a client that may still send was not told")
		}
	}
}

func TestConnectedUDPIsDestroyedAndUnconnectedIsNot(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	none(t, k.Add(on(a, "10.99.0.101/24"), time.Minute))
	open, err := a.ListenPacket("udp", "10.99.0.101:7000")
	must(t, err)
	defer open.Close()
	var connected net.Conn
	must(t, a.Do(func() (err error) {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(10, 99, 0, 101)}}
		connected, err = d.DialContext(t.Context(), "udp", "10.99.0.2:7000")
		return err
	}))
	defer connected.Close()
	n, err := k.DestroySockets([]netip.Addr{netip.MustParseAddr("10.99.0.101")})
	must(t, err)
	if n != 1 {
		t.Errorf("%d sockets destroyed, want 1", n)
	}
	must(t, connected.SetReadDeadline(time.Now().Add(time.Second)))
	if _, err := connected.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("connected socket: %v, want connection aborted", err)
	}
	out, err := b.Dial(t.Context(), "udp", "10.99.0.101:7000")
	must(t, err)
	defer out.Close()
	_, err = out.Write([]byte("still there?"))
	must(t, err)
	must(t, open.SetReadDeadline(time.Now().Add(time.Second)))
	if _, _, err := open.ReadFrom(make([]byte, 64)); err != nil {
		t.Errorf("unconnected socket: %v", err)
	}
}

func TestDestroyingNothingIsFine(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	for _, addrs := range [][]netip.Addr{nil, {{}}, {netip.MustParseAddr("10.99.0.101")}, {netip.MustParseAddr("fe80::1%eth0")}} {
		if n, err := k.DestroySockets(addrs); n != 0 || err != nil {
			t.Errorf("DestroySockets(%v) = %d, %v", addrs, n, err)
		}
	}
}
