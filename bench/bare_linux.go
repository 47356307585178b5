// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// bareTick is how seldom the bare loop wakes: adverts that are due within it leave in one call.
const bareTick = 10 * time.Millisecond

// bareLoop sends as many adverts as an Active of that size, evenly, with nothing around it: what the kernel and the language take.
func (b *bench) bareLoop(situation string, size int, interval time.Duration) (err error) {
	lab, err := netlab.Open(netlab.Options{Dir: filepath.Join(b.dir, "bare")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	node, err := lab.Node("bare", "10.99.0.1/16")
	if err != nil {
		return err
	}
	if _, err := lab.Node("other", "10.99.0.2/16"); err != nil { // or the bridge has nobody to give them to
		return err
	}
	b.pending = b.pending[:0]
	err = node.Do(func() error {
		c, err := net.ListenPacket("ip4:112", "10.99.0.1")
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // a raw socket
		return b.bareAdverts(ipv4.NewPacketConn(c), situation, size, interval)
	})
	for _, s := range b.pending {
		b.out.add(s.of, s.value)
	}
	return err
}

func (b *bench) bareAdverts(p *ipv4.PacketConn, situation string, size int, interval time.Duration) error {
	group := &net.IPAddr{IP: net.IPv4(224, 0, 0, 18)}
	advert := make([]byte, 12)
	perTick := float64(size) * float64(bareTick) / float64(interval)
	batch := make([]ipv4.Message, int(perTick)+1)
	for i := range batch {
		batch[i] = ipv4.Message{Buffers: [][]byte{advert}, Addr: group}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threadTime()
	if err != nil {
		return err
	}
	sent, due := 0, 0.0
	for end := time.Now().Add(min(b.lasting, 20*time.Second)); time.Now().Before(end); {
		nap := unix.NsecToTimespec(int64(bareTick))
		if err := unix.Nanosleep(&nap, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		due += perTick
		for sent < int(due) {
			n, err := p.WriteBatch(batch[:min(int(due)-sent, len(batch))], 0)
			if err != nil {
				return fmt.Errorf("send adverts: %w", err)
			}
			sent += n
		}
	}
	after, err := threadTime()
	if err != nil {
		return err
	}
	b.add(situation, "processor time an advert sent", Microseconds, "bare loop", (after-before).Seconds()/float64(max(sent, 1))*1e6)
	return nil
}

// threadTime is the processor time of this thread.
func threadTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
