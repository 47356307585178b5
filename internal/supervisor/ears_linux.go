// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// ears are the raw sockets of a will: one for each interface and group. Adverts leave and heirs are heard by them.
type ears struct {
	open map[place]*ear
	once sync.Once
	quit chan struct{}
}

type place struct {
	link  int
	group netip.Addr
}

type ear struct {
	place
	hops int // that unicast leaves with
	conn net.PacketConn
	v4   *ipv4.PacketConn
	v6   *ipv6.PacketConn
}

// listen opens the sockets for a will. Those that could be opened are usable also after an error.
func listen(w will) (*ears, error) {
	e := &ears{open: map[place]*ear{}, quit: make(chan struct{})}
	var errs []error
	failed := map[place]bool{}
	for _, entry := range w {
		at := place{entry.Index, entry.group()}
		if e.open[at] != nil || failed[at] {
			continue
		}
		one, err := openEar(at, entry.Interface)
		if err != nil {
			failed[at] = true
			errs = append(errs, err)
			continue
		}
		e.open[at] = one
	}
	return e, errors.Join(errs...)
}

// openEar opens one socket, joined to its group.
func openEar(at place, name string) (_ *ear, err error) {
	network, any := "ip4:112", "0.0.0.0"
	if at.group.Is6() {
		network, any = "ip6:112", "::"
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), name) }), err)
	}}
	conn, err := lc.ListenPacket(context.Background(), network, any)
	if err != nil {
		return nil, fmt.Errorf("open VRRP socket on %s: %w (needs CAP_NET_RAW)", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("VRRP socket on %s: %w", name, err), conn.Close())
		}
	}()
	one := &ear{place: at, hops: 255, conn: conn}
	link := &net.Interface{Index: at.link, Name: name}
	group := &net.IPAddr{IP: at.group.AsSlice()}
	if at.group.Is4() {
		p := ipv4.NewPacketConn(conn)
		one.v4 = p
		return one, errors.Join(p.JoinGroup(link, group), p.SetMulticastTTL(255), p.SetTTL(255), p.SetTOS(0xc0),
			p.SetMulticastLoopback(false), p.SetControlMessage(ipv4.FlagTTL|ipv4.FlagDst, true))
	}
	p := ipv6.NewPacketConn(conn)
	one.v6 = p
	return one, errors.Join(p.JoinGroup(link, group), p.SetMulticastHopLimit(255), p.SetHopLimit(255), p.SetTrafficClass(0xc0),
		p.SetMulticastLoopback(false), p.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagDst, true))
}

// release sends all priority-0 adverts.
func (e *ears) release(w will) error {
	var errs []error
	for _, entry := range w {
		one := e.open[place{entry.Index, entry.group()}]
		if one == nil {
			errs = append(errs, fmt.Errorf("%s: %w", entry.Name, errNoEars))
			continue
		}
		for _, a := range entry.Adverts {
			if err := one.send(entry, a); err != nil {
				errs = append(errs, fmt.Errorf("%s: send priority 0 to %s: %w", entry.Name, a.Destination, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (one *ear) send(entry *Entry, a Advert) error {
	to := &net.IPAddr{IP: a.Destination.AsSlice()}
	if err := one.setHops(entry.hops()); err != nil {
		return err
	}
	var err error
	message := entry.sealed(a, time.Now())
	if one.v4 != nil {
		_, err = one.v4.WriteTo(message, &ipv4.ControlMessage{Src: entry.Source.AsSlice(), IfIndex: one.link}, to)
	} else {
		_, err = one.v6.WriteTo(message, &ipv6.ControlMessage{Src: entry.Source.AsSlice(), IfIndex: one.link}, to)
	}
	return err
}

// setHops sets what unicast leaves with.
func (one *ear) setHops(n int) (err error) {
	switch {
	case n == one.hops:
		return nil
	case one.v4 != nil:
		err = one.v4.SetTTL(n)
	default:
		err = one.v6.SetHopLimit(n)
	}
	if err == nil {
		one.hops = n
	}
	return err
}

// hear tells of every packet until tell says that it is enough, until the deadline, or until interrupted.
func (e *ears) hear(deadline time.Time, tell func(p *vrrp.Packet, wall time.Time) bool) {
	var all sync.WaitGroup
	for _, one := range e.open {
		one.conn.SetReadDeadline(deadline) //nolint:errcheck // a socket that cannot be read ends at once
		all.Go(func() { one.hear(e, tell) })
	}
	if len(e.open) == 0 {
		select {
		case <-time.After(time.Until(deadline)):
		case <-e.quit:
		}
	}
	all.Wait()
}

func (one *ear) hear(e *ears, tell func(*vrrp.Packet, time.Time) bool) {
	buf := make([]byte, 8192)
	p := &vrrp.Packet{Interface: one.link, Family: vrrp.IPv4}
	if one.group.Is6() {
		p.Family = vrrp.IPv6
	}
	for {
		select {
		case <-e.quit:
			return
		default:
		}
		if err := one.read(p, buf); err != nil {
			return
		}
		if tell(p, time.Now()) {
			e.interrupt()
			return
		}
	}
}

func (one *ear) read(p *vrrp.Packet, buf []byte) (err error) {
	var n, ttl int
	var from net.Addr
	var to net.IP
	if one.v4 != nil {
		var cm *ipv4.ControlMessage
		n, cm, from, err = one.v4.ReadFrom(buf)
		if cm != nil {
			ttl, to = cm.TTL, cm.Dst
		}
	} else {
		var cm *ipv6.ControlMessage
		n, cm, from, err = one.v6.ReadFrom(buf)
		if cm != nil {
			ttl, to = cm.HopLimit, cm.Dst
		}
	}
	if err != nil {
		return err
	}
	if a, ok := from.(*net.IPAddr); ok {
		p.Source, _ = netip.AddrFromSlice(a.IP)
	}
	p.Destination, _ = netip.AddrFromSlice(to)
	p.Source, p.Destination, p.TTL, p.Message = p.Source.Unmap(), p.Destination.Unmap(), uint8(ttl), buf[:n]
	return nil
}

// interrupt ends hear.
func (e *ears) interrupt() {
	e.once.Do(func() { close(e.quit) })
	for _, one := range e.open {
		one.conn.SetReadDeadline(time.Now()) //nolint:errcheck // it is closed already
	}
}

func (e *ears) close() {
	for _, one := range e.open {
		one.conn.Close() //nolint:errcheck // nothing more is sent or read
	}
}
