// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"golang.org/x/sys/unix"
)

// sampleCrowdAddrs are the local addresses of a crowd.
var sampleCrowdAddrs = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}

const sampleCrowdPort = 5000

// sampleCrowd makes connections in a namespace of its own, half of them IPv4, 100,000 at most. The server's ends wait in
// the queue of a listener that never accepts, and the clients' are taken away without a word to the peer (TCP_REPAIR), so
// that neither needs a file descriptor.
func sampleCrowd(t testing.TB, count int) *netlab.Node {
	t.Helper()
	n, err := netlab.Test(t).Island("crowd")
	sampleMust(t, err)
	sampleMust(t, n.SetSysctl("net.core.somaxconn", "1000000"))
	var listeners [2]int
	sampleMust(t, n.Do(func() error {
		for i, addr := range sampleCrowdAddrs {
			fd, err := sampleSocket(addr, sampleCrowdPort)
			if err != nil {
				return err
			}
			listeners[i] = fd
			if err := unix.Listen(fd, 1000000); err != nil {
				return err
			}
		}
		for i := range count {
			if err := sampleVanish(sampleCrowdAddrs[i%2], 10000+i/2); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
		}
		return nil
	}))
	t.Cleanup(func() {
		for _, fd := range listeners {
			sampleMust(t, unix.Close(fd))
		}
	})
	return n
}

// sampleSocket makes a TCP socket at an address.
func sampleSocket(addr netip.Addr, port int) (int, error) {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, sampleSockaddr(addr, port))
}

func sampleSockaddr(addr netip.Addr, port int) unix.Sockaddr {
	if addr.Is4() {
		return &unix.SockaddrInet4{Addr: addr.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: addr.As16(), Port: port}
}

// sampleVanish connects from a port and goes away silently.
func sampleVanish(addr netip.Addr, port int) error {
	fd, err := sampleSocket(addr, port)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, sampleSockaddr(addr, sampleCrowdPort)); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
}

// Several reads are needed for these, and they are complete, each once.
func TestSampleListsACrowd(t *testing.T) {
	const count = 5000
	n := sampleCrowd(t, count)
	for _, kind := range sampleKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := sampleOn(t, n, kind.name, kind.forbidden)
			list := sampleList(t, s, "127.0.0.1", "::1")
			if len(list) != count {
				t.Fatalf("%d connections, want %d", len(list), count)
			}
			for i, f := range list {
				addr := sampleCrowdAddrs[i/(count/2)]
				want := Flow{
					Local:  netip.AddrPortFrom(addr, sampleCrowdPort),
					Remote: netip.AddrPortFrom(addr, uint16(10000+i%(count/2))),
				}
				if f != want {
					t.Fatalf("connection %d: %v, want %v", i, f, want)
				}
			}
			if got := len(sampleList(t, s, "::1")); got != count/2 {
				t.Errorf("%d connections on one of two addresses, want %d", got, count/2)
			}
			allocated := testing.AllocsPerRun(5, func() {
				var err error
				if list, err = s.Sample(sampleCrowdAddrs, list[:0]); err != nil {
					t.Fatal(err)
				}
			})
			if allocated > 100 {
				t.Errorf("%v allocations for a sample of %d connections", allocated, count)
			}
		})
	}
}

// With buffers in which nothing fits, records are cut and messages lost; both are read with larger ones in the end.
func TestSampleGrowsItsBuffers(t *testing.T) {
	t.Parallel()
	const count = 2000
	n := sampleCrowd(t, count)
	for _, kind := range sampleKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := sampleOn(t, n, kind.name, kind.forbidden)
			s.diag.buffer = make([]byte, 200)
			if s.iter != nil {
				s.iter.buffer = make([]byte, iterRecord+iterRecord/3)
			}
			for range 3 {
				if got := len(sampleList(t, s, "127.0.0.1", "::1")); got != count {
					t.Fatalf("%d connections, want %d", got, count)
				}
			}
		})
	}
}

// BenchmarkSample samples a node with 100,000 connections.
func BenchmarkSample(b *testing.B) {
	const count = 100000
	n := sampleCrowd(b, count)
	for _, kind := range sampleKinds {
		for _, part := range []struct {
			name  string
			addrs []netip.Addr
			want  int
		}{{"all", sampleCrowdAddrs, count}, {"none", []netip.Addr{netip.MustParseAddr("192.0.2.1")}, 0}} {
			b.Run(kind.name+"/"+part.name, func(b *testing.B) {
				s := sampleOn(b, n, kind.name, kind.forbidden)
				list, err := s.Sample(part.addrs, nil)
				sampleMust(b, err)
				b.ReportAllocs()
				b.ResetTimer()
				before := sampleCPU(b)
				for b.Loop() {
					if list, err = s.Sample(part.addrs, list[:0]); err != nil || len(list) != part.want {
						b.Fatalf("%d connections, %v", len(list), err)
					}
				}
				b.ReportMetric(float64((sampleCPU(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// BenchmarkSampleOpen shows what it costs to read the kernel's types and to load the program.
func BenchmarkSampleOpen(b *testing.B) {
	n, err := netlab.Test(b).Island("open")
	sampleMust(b, err)
	b.ReportAllocs()
	for b.Loop() {
		sampleMust(b, sampleOn(b, n, MechanismBPF, nil).Close())
	}
}

// sampleCPU is the processor time of this process, the kernel's on its behalf included.
func sampleCPU(t testing.TB) time.Duration {
	var u unix.Rusage
	sampleMust(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
