// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// What a datagram or stream is for: the first byte of its text, or of the greeting.
const (
	forMembership byte = 1 // memberlist
	forEnvelope   byte = 2 // this package
)

const (
	socketBuffer    = 2 << 20
	streamsOf       = 8               // at once, from one address
	streamWithin    = 5 * time.Second // an envelope over TCP
	envelopeLimit   = payloadLimit + 1024
	largestDatagram = 64 << 10
)

// transport carries what memberlist and this package say, sealed, between the addresses of the file: from this node's
// address and to it alone. Only what a known node's key and address vouch for gets past it; the rest is counted here, where
// its source is known.
type transport struct {
	at    netip.AddrPort
	udp   *net.UDPConn
	tcp   *net.TCPListener
	seal  *sealer
	count *counter
	known func(netip.Addr) bool              // whether the file names a node there
	own   func(netip.AddrPort, []byte, bool) // takes an envelope; whether it came in a stream

	packets chan *memberlist.Packet
	streams chan net.Conn

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	open    map[net.Conn]struct{}
	inbound map[netip.Addr]int
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// listen opens the sockets. serve begins to read.
func listen(at netip.AddrPort, seal *sealer, count *counter) (*transport, error) {
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	_ = udp.SetReadBuffer(socketBuffer) // the kernel may give less: datagrams are repeated
	t := &transport{at: at, udp: udp, tcp: tcp, seal: seal, count: count, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		open: map[net.Conn]struct{}{}, inbound: map[netip.Addr]int{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

func (t *transport) serve() {
	t.running.Go(t.receive)
	t.running.Go(t.accept)
}

// receive reads datagrams.
func (t *transport) receive() {
	buf := make([]byte, largestDatagram)
	for {
		n, from, err := t.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			t.rest()
			continue
		}
		from = plain(from)
		text, why := t.seal.open(buf[:n])
		switch {
		case why != fine:
			t.count.add(why, from.String())
		case len(text) == 0:
			t.count.add(garbage, from.String())
		case !t.known(from.Addr()):
			t.count.add(foreign, from.String())
		case text[0] == forEnvelope:
			t.own(from, text[1:], false)
		case text[0] == forMembership:
			select {
			case t.packets <- &memberlist.Packet{Buf: text[1:], From: net.UDPAddrFromAddrPort(from), Timestamp: time.Now()}:
			case <-t.ctx.Done():
				return
			}
		default:
			t.count.add(garbage, from.String())
		}
	}
}

// rest is the pause after an error, such as no free descriptors: it may last, and is no reason to spin.
func (t *transport) rest() {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-t.ctx.Done():
	}
}

// plain is an address without what the kernel adds to it.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// accept takes calls of nodes that the file names; a stranger gets no further than this.
func (t *transport) accept() {
	for {
		c, err := t.tcp.AcceptTCP()
		if err != nil {
			if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			t.rest()
			continue
		}
		from := plain(c.RemoteAddr().(*net.TCPAddr).AddrPort())
		if !t.known(from.Addr()) {
			t.count.add(foreign, from.String())
			c.Close()
			continue
		}
		if !t.enter(c, from.Addr()) {
			c.Close()
			continue
		}
		t.running.Go(func() { t.called(c, from) })
	}
}

// enter notes a connection, unless there are too many of its kind or the transport ends. The zero address is for calls of
// this node.
func (t *transport) enter(c net.Conn, from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || from.IsValid() && t.inbound[from] >= streamsOf {
		return false
	}
	t.open[c] = struct{}{}
	if from.IsValid() {
		t.inbound[from]++
	}
	return true
}

func (t *transport) leave(c net.Conn, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, here := t.open[c]; !here {
		return
	}
	delete(t.open, c)
	if from.IsValid() {
		if t.inbound[from]--; t.inbound[from] == 0 {
			delete(t.inbound, from)
		}
	}
}

// called serves a call.
func (t *transport) called(c net.Conn, from netip.AddrPort) {
	s, purpose, why, err := t.seal.answer(c, t.at)
	if err != nil {
		if why != fine {
			t.count.add(why, from.String())
		}
		t.leave(c, from.Addr())
		c.Close()
		return
	}
	s.refuse = func(r refusal) { t.count.add(r, from.String()) }
	s.closed = func() { t.leave(c, from.Addr()) }
	switch purpose {
	case forMembership:
		select {
		case t.streams <- s: // memberlist sets the deadline and closes it
			return
		case <-t.ctx.Done():
		}
	case forEnvelope:
		t.envelope(s, from)
	default:
		t.count.add(garbage, from.String())
	}
	s.Close()
}

// envelope reads one that came in a stream: its length, and itself.
func (t *transport) envelope(s *sealed, from netip.AddrPort) {
	var head [4]byte
	if s.SetDeadline(time.Now().Add(streamWithin)) != nil {
		return
	}
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return // counted, if it did not open
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > envelopeLimit {
		t.count.add(tooLarge, from.String())
		return
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s, b); err != nil {
		return
	}
	t.own(from, b, true)
}

// send sends an envelope in a datagram.
func (t *transport) send(to netip.AddrPort, b []byte) error { return t.sendAs(forEnvelope, to, b) }

func (t *transport) sendAs(purpose byte, to netip.AddrPort, b []byte) error {
	text := append(append(make([]byte, 0, 1+len(b)), purpose), b...)
	return t.seal.seal(to, text, func(b []byte) error {
		_, err := t.udp.WriteToUDPAddrPort(b, to)
		return err
	})
}

// stream sends an envelope over a connection of its own.
func (t *transport) stream(to netip.AddrPort, b []byte) error {
	s, err := t.dial(to, forEnvelope, greetWithin)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(streamWithin)); err != nil {
		return err
	}
	_, err = s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)) //nolint:gosec // len(b) is bounded
	return err
}

// dial calls a node from this node's own address: with virtual addresses about, the kernel's choice could be another.
func (t *transport) dial(to netip.AddrPort, purpose byte, within time.Duration) (*sealed, error) {
	d := net.Dialer{Timeout: within, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.at.Addr(), 0))}
	c, err := d.DialContext(t.ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	if !t.enter(c, netip.Addr{}) {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	s, err := t.seal.call(c, to, purpose, within)
	if err != nil {
		t.leave(c, netip.Addr{})
		return nil, errors.Join(err, c.Close())
	}
	s.refuse = func(r refusal) { t.count.add(r, to.String()) }
	s.closed = func() { t.leave(c, netip.Addr{}) }
	return s, nil
}

// FinalAdvertiseAddr is for memberlist: the address is the file's.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo is for memberlist.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress is for memberlist.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	to, err := t.named(a)
	if err != nil {
		return time.Time{}, err
	}
	return time.Now(), t.sendAs(forMembership, to, b)
}

// DialTimeout is for memberlist.
func (t *transport) DialTimeout(addr string, within time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, within)
}

// DialAddressTimeout is for memberlist.
func (t *transport) DialAddressTimeout(a memberlist.Address, within time.Duration) (net.Conn, error) {
	to, err := t.named(a)
	if err != nil {
		return nil, err
	}
	s, err := t.dial(to, forMembership, within)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// named is where memberlist wants to send to, if that is a node's address: it may have been told of others.
func (t *transport) named(a memberlist.Address) (netip.AddrPort, error) {
	to, err := netip.ParseAddrPort(a.Addr)
	if err == nil && !t.known(plain(to).Addr()) {
		err = fmt.Errorf("%s is not in the file", a.Addr)
	}
	return to, err
}

// PacketCh is for memberlist.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh is for memberlist.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes everything and waits for its goroutines.
func (t *transport) Shutdown() error {
	t.cancel()
	err := errors.Join(t.udp.Close(), t.tcp.Close())
	t.mu.Lock()
	for c := range t.open {
		c.Close()
	}
	t.mu.Unlock()
	t.running.Wait()
	return err
}
