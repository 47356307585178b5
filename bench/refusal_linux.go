// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// refusal connects as fast as answers come: to an heir that refuses, and to a port that is closed on a kernel without any rules.
func (b *bench) refusal() error {
	const interval = 100 * time.Millisecond
	b.pending = b.pending[:0]
	for range min(b.rounds, 5) {
		b.say("Regent refuses")
		st, err := b.newStage(b.subjects[0], interval, false, nil)
		if err != nil {
			return err
		}
		err = st.calm()
		if err == nil {
			err = b.rate("regent", st.client, netip.AddrPortFrom(st.vip, 7000))
		}
		if err := errors.Join(err, st.close()); err != nil {
			return err
		}
		b.say("the bare kernel refuses")
		lab, err := netlab.Open(netlab.Options{Dir: filepath.Join(b.dir, "bare")})
		if err != nil {
			return err
		}
		_, err = lab.Node("server", "10.99.0.100/24")
		if err == nil {
			var client *netlab.Node
			if client, err = lab.Node("client", "10.99.0.3/24"); err == nil {
				err = b.rate("closed port", client, netip.MustParseAddrPort("10.99.0.100:7000"))
			}
		}
		if err := errors.Join(err, lab.Close()); err != nil {
			return err
		}
	}
	for _, s := range b.pending {
		b.out.add(s.of, s.value)
	}
	return nil
}

// rate counts refused attempts.
func (b *bench) rate(program string, client *netlab.Node, to netip.AddrPort) error {
	lasts := min(b.lasting, 5*time.Second)
	var refused atomic.Int64
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	end := time.Now().Add(lasts)
	for range 4 * runtime.NumCPU() {
		all.Go(func() {
			err := client.Do(func() error {
				for time.Now().Before(end) {
					if err := refusedBy(to); err != nil {
						return err
					}
					refused.Add(1)
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	b.add("as fast as answers come", "refused connection attempts", PerSecond, program, float64(refused.Load())/lasts.Seconds())
	return errors.Join(errs...)
}

// refusedBy connects and wants to be refused.
func refusedBy(to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	for errors.Is(err, unix.EINTR) {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		err = nil
	} else if err == nil {
		err = fmt.Errorf("%s accepts connections", to)
	}
	return errors.Join(err, unix.Close(fd))
}
