// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// blaster sends ready frames from a node, many with one system call. It is independent of the loop's own sending.
type blaster struct {
	fd      int
	headers []mmsghdr
	iovecs  []unix.Iovec
}

// newBlaster opens a packet socket in a node for a set of frames.
func newBlaster(t testing.TB, n *netlab.Node, ifname string, frames [][]byte) *blaster {
	t.Helper()
	b := &blaster{fd: -1, headers: make([]mmsghdr, len(frames)), iovecs: make([]unix.Iovec, len(frames))}
	must(t, n.Do(func() (err error) {
		if b.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20); err != nil {
			return err
		}
		return unix.Bind(b.fd, &unix.SockaddrLinklayer{Ifindex: n.Index(ifname)})
	}))
	t.Cleanup(func() { must(t, unix.Close(b.fd)) })
	for i, f := range frames {
		b.iovecs[i].Base = &f[0]
		b.iovecs[i].SetLen(len(f))
		b.headers[i].hdr.Iov = &b.iovecs[i]
		b.headers[i].hdr.SetIovlen(1)
	}
	return b
}

// send sends the frames from one place to another. It returns how many went, and allocates nothing.
func (b *blaster) send(from, to int) int {
	total := from
	for total < to {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.headers[total])), uintptr(to-total), 0, 0, 0)
		runtime.KeepAlive(b)
		if errno != 0 && errno != unix.EINTR && errno != unix.ENOBUFS {
			break
		}
		if errno == 0 {
			total += int(n)
		}
	}
	return total - from
}

// adverts4 are frames with an advert for each of n VRIDs, from 1.
func adverts4(n int, source string) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		vrid := uint8(i%255 + 1)
		m := message3(vrid, 200, 100, source, "", fmt.Sprintf("10.99.1.%d", vrid))
		frames[i] = frame{src: source, message: m}.bytes()
	}
	return frames
}

func TestFourThousandAdvertsDuringAStallAreNotLost(t *testing.T) {
	for _, family := range []vrrp.Family{vrrp.IPv4, vrrp.IPv6} {
		t.Run(family.String(), func(t *testing.T) {
			const count = 4000
			lab := netlab.Test(t)
			a := newNode(t, lab, "a", "10.99.0.1/24", "fe80::1/64")
			b := speak(t, newNode(t, lab, "b", "10.99.0.2/24", "fe80::2/64"))
			var bindings []Binding
			frames := make([][]byte, count)
			for vrid := 1; vrid <= 255; vrid++ {
				c := config4(vrrp.VRID(vrid), 100, time.Second)
				source := addr("10.99.0.2")
				if family == vrrp.IPv6 {
					c = config6(vrrp.VRID(vrid), 100, time.Second)
					source = addr("fe80::2")
				}
				b.add(vrrp.ID(vrid), c)
				bindings = append(bindings, b.bind(vrrp.ID(vrid), source))
			}
			b.attach(bindings...)
			for i := range frames {
				vrid := uint8(i%255 + 1)
				f := frame{src: "10.99.0.1", message: message3(vrid, 200, 100, "10.99.0.1", "", vip4)}
				if family == vrrp.IPv6 {
					f = frame{src: "fe80::1", message: message3(vrid, 200, 100, "fe80::1", "", vip6, vip6b)}
				}
				frames[i] = f.bytes()
			}
			blast := newBlaster(t, a, "eth0", frames)
			sent := 0
			b.stall(20*time.Millisecond, func() { sent = blast.send(0, count) })
			if sent != count {
				t.Fatalf("%d frames were sent, want %d", sent, count)
			}
			accepted := func() uint64 {
				var n uint64
				must(t, b.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
					for id := vrrp.ID(1); id <= 255; id++ {
						status, _ := r.Status(id)
						n += status.Counters.AdvertisementRcvd
					}
					return out
				}))
				return n
			}
			if unix.Geteuid() != 0 || b.small() {
				// In a user namespace the kernel grants no more than net.core.rmem_max; then what is lost must be known.
				eventually(t, "every advert is accounted for", func() bool { return accepted()+b.loop.Stats().KernelDrops == count })
				t.Logf("%d of %d adverts lost: the receive buffer is limited here", b.loop.Stats().KernelDrops, count)
				return
			}
			eventually(t, "the adverts are received", func() bool { return accepted()+b.loop.Stats().KernelDrops >= count })
			if got, drops := accepted(), b.loop.Stats().KernelDrops; got != count || drops != 0 {
				t.Errorf("%d adverts accepted and %d lost, want %d and none", got, drops, count)
			}
			if n := b.entered(0, vrrp.Active); n != 0 {
				t.Errorf("%d virtual routers became active", n)
			}
		})
	}
}

// small reports whether the kernel granted less of a receive buffer than was asked for.
func (s *speaker) small() bool {
	for _, p := range s.loop.registry.open {
		granted, err := unix.GetsockoptInt(p.receive, unix.SOL_SOCKET, unix.SO_RCVBUF)
		must(s.t, err)
		if granted < 2*(receiveFloor+p.held*receiveRouter) {
			return true
		}
	}
	return false
}

func TestWhatTheKernelDropsIsCounted(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	b.add(1, config4(1, 100, time.Second))
	b.attach(b.bind(1, addr("10.99.0.2")))
	must(t, unix.SetsockoptInt(b.loop.registry.open[0].receive, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10))
	const count = 500
	blast := newBlaster(t, a, "eth0", adverts4(count, "10.99.0.1"))
	b.stall(0, func() { blast.send(0, count) })
	eventually(t, "every advert is accounted for", func() bool {
		s := b.loop.Stats()
		return s.Received+s.KernelDrops == count
	})
	lost := b.loop.Stats().KernelDrops
	if lost == 0 {
		t.Error("none was lost: the test shows nothing")
	}
	must(t, b.loop.Detach(1, vrrp.ReasonShutdown))
	if got := b.loop.Stats().KernelDrops; got != lost {
		t.Errorf("%d drops after the port is closed, want %d", got, lost)
	}
}

// A Backup that did not run for longer than its Active_Down_Interval has the proof that the Active lives in its socket, and must look
// there before it takes the silence for real.
func TestStalledBackupDoesNotTakeOverFromALivingActive(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	a.add(1, config4(51, 200, testInterval))
	b.add(1, config4(51, 100, testInterval))
	a.attach(a.bind(1, addr("10.99.0.1")))
	a.awaitState(1, vrrp.Active)
	b.attach(b.bind(1, addr("10.99.0.2")))
	eventually(t, "b hears a", func() bool { return b.loop.Stats().Received > 2 })
	before := a.loop.Stats().Sent
	for range 3 {
		// Longer than the Active_Down_Interval, yet not so long that lateness alone would keep it from acting.
		b.stall(4*testInterval, nil)
	}
	if n := b.entered(1, vrrp.Active); n != 0 && a.loop.Stats().MaxLateness < 2*testInterval {
		t.Errorf("b became active %d times while a sent %d adverts", n, a.loop.Stats().Sent-before)
	}
}

// Between the kernel's report of what is ready and the judgement of a deadline a thread can be kept from running for any time.
func TestDeadlinesAreJudgedWithEmptySockets(t *testing.T) {
	l, p, far := benchNodes(t, 100)
	const count = 1000
	blast := newBlaster(t, far, "eth0", adverts4(count, "10.99.0.1"))
	before := l.Stats().Received
	must(t, onLoop(l, func(vrrp.Time) {
		must(t, l.poll(0))
		blast.send(0, count)
		sent := Now()
		now, err := l.drain()
		must(t, err)
		if now < sent {
			t.Errorf("the deadline is judged at %d, before the last advert arrived at %d", now, sent)
		}
		if n, errno := l.in.receive(p.receive); n != 0 || errno != unix.EAGAIN {
			t.Errorf("the socket still has %d adverts (%v)", n, errno)
		}
	}))
	if got := l.Stats().Received - before; got != count {
		t.Errorf("%d adverts received, want %d", got, count)
	}
}

func TestFirstAdvertsLeaveBeforeAnythingIsPublished(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	heard := openTestPort(t, newNode(t, lab, "b", "10.99.0.2/24"), "eth0", vrrp.IPv4)
	_, _, err := heard.size(255)
	must(t, err)
	l, _ := run(t, Options{})
	var bindings []Binding
	for vrid := 1; vrid <= 255; vrid++ {
		c := config4(vrrp.VRID(vrid), vrrp.Owner, time.Second)
		must(t, l.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			if err := r.Add(vrrp.ID(vrid), c); err != nil {
				t.Error(err)
			}
			return out
		}))
		bindings = append(bindings, Binding{ID: vrrp.ID(vrid), Interface: "eth0", Index: a.Index("eth0"), Family: vrrp.IPv4, Source: addr("10.99.0.1")})
	}
	go func() {
		must(t, a.Do(func() error {
			if errs := l.AttachAll(bindings); errs != nil {
				return errs[0]
			}
			return nil
		}))
	}()
	events, err := l.Events(t.Context())
	must(t, err)
	// On veth a sent packet is in the receiver's socket when the call returns: all of them are there before the first event is.
	in, got := newReceiver(), 0
	for {
		n, _ := in.receive(heard.receive)
		in.reset(n)
		if got += n; n == 0 {
			break
		}
	}
	if got < 255 {
		t.Errorf("%d of 255 first adverts had left when the first event came", got)
	}
	if len(events) != 255 {
		t.Errorf("%d events in the first batch, want 255", len(events))
	}
	for _, e := range events {
		if e.Kind != vrrp.Enter || e.To != vrrp.Active {
			t.Errorf("event %+v, want transitions to active only", e)
		}
	}
}

func TestThousandsOfVirtualRoutersAttachInOneRound(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := speak(t, newNode(t, lab, "a", "10.99.0.1/24"))
	const links, each = 8, 255
	var bindings []Binding
	for link := range links {
		name := fmt.Sprintf("mv%d", link)
		macvlan(t, a.node, name, 0, [6]byte{2, 0, 0, 1, 0, byte(link + 1)})
		source := netip.AddrFrom4([4]byte{10, 99, byte(10 + link), 1})
		inNode(t, a.node, "ip", "addr", "add", source.String()+"/24", "dev", name)
		for vrid := 1; vrid <= each; vrid++ {
			id := vrrp.ID(link*each + vrid)
			bindings = append(bindings, Binding{ID: id, Interface: name, Index: a.node.Index(name), Family: vrrp.IPv4, Source: source})
		}
	}
	must(t, a.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for i, b := range bindings {
			if err := r.Add(b.ID, config4(vrrp.VRID(i%each+1), vrrp.Owner, 5*time.Second)); err != nil {
				t.Error(err)
			}
		}
		return out
	}))
	start := time.Now()
	a.attach(bindings...)
	t.Logf("%d virtual routers attached in %v", len(bindings), time.Since(start))
	if s := a.loop.Stats(); s.Routers != links*each || s.Ports != links || s.Sent < links*each {
		t.Errorf("%d routers on %d ports, %d adverts sent; want %d, %d, as many", s.Routers, s.Ports, s.Sent, links*each, links)
	}
	ids := make([]vrrp.ID, len(bindings))
	for i, b := range bindings {
		ids[i] = b.ID
	}
	must(t, a.loop.DetachAll(ids, vrrp.ReasonShutdown))
	if s := a.loop.Stats(); s.Routers != 0 || s.Ports != 0 || s.Sent < 2*links*each || s.Unsent > 0 {
		t.Errorf("afterwards %d routers on %d ports, %d adverts sent, %d not; want all released", s.Routers, s.Ports, s.Sent, s.Unsent)
	}
}

// benchNodes returns a loop that is not running, with routers in Backup or Active attached on a veth, and the node at its other end.
func benchNodes(b testing.TB, priority vrrp.Priority) (*Loop, *port, *netlab.Node) {
	b.Helper()
	lab := netlab.TestWith(b, netlab.Options{Log: func(string, ...any) {}})
	far := newNode(b, lab, "a", "10.99.0.1/24")
	near := newNode(b, lab, "b", "10.99.0.2/24")
	s := speak(b, near)
	var bindings []Binding
	for vrid := 1; vrid <= batch; vrid++ {
		c := config4(vrrp.VRID(vrid), priority, 40*time.Second)
		c.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 99, 1, byte(vrid)})}
		s.add(vrrp.ID(vrid), c)
		bindings = append(bindings, s.bind(vrrp.ID(vrid), addr("10.99.0.2")))
	}
	s.attach(bindings...)
	return s.loop, s.loop.registry.open[0], far
}

// onLoop runs f on the loop's thread with the loop standing still.
func onLoop(l *Loop, f func(now vrrp.Time)) error {
	return l.Do(func(now vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		f(now)
		return out
	})
}

func BenchmarkReceive(b *testing.B) {
	l, p, far := benchNodes(b, 100)
	frames := adverts4(batch, "10.99.0.1")
	for _, f := range frames {
		// A minute: the interval that is configured here, so that nothing is odd.
		binary.BigEndian.PutUint16(f[14+20+4:], 4000)
		seal(f[34:], "10.99.0.1", "")
	}
	blast := newBlaster(b, far, "eth0", frames)
	b.ReportAllocs()
	must(b, onLoop(l, func(now vrrp.Time) {
		for b.Loop() {
			b.StopTimer()
			blast.send(0, batch)
			b.StartTimer()
			l.receiveFrom(p, now)
			l.out = l.out[:0]
		}
	}))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/advert")
}

func BenchmarkSend(b *testing.B) {
	l, p, _ := benchNodes(b, vrrp.Owner)
	b.ReportAllocs()
	must(b, onLoop(l, func(now vrrp.Time) {
		for b.Loop() {
			for id := vrrp.ID(1); id <= batch; id++ {
				l.queue(id, vrrp.Owner)
			}
			l.flush(p, now)
			l.dirty = l.dirty[:0]
		}
	}))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/advert")
}

func TestNothingIsAllocatedForAnAdvert(t *testing.T) {
	l, p, far := benchNodes(t, 100)
	frames := adverts4(batch, "10.99.0.1")
	blast := newBlaster(t, far, "eth0", frames)
	received, sent := l.Stats().Received, l.Stats().Sent
	const rounds = 200
	must(t, onLoop(l, func(now vrrp.Time) {
		if n := testing.AllocsPerRun(rounds, func() {
			blast.send(0, batch)
			l.receiveFrom(p, now)
			l.out = l.out[:0]
		}); n != 0 {
			t.Errorf("receiving %d adverts allocates %v times", batch, n)
		}
		if n := testing.AllocsPerRun(rounds, func() {
			for id := vrrp.ID(1); id <= batch; id++ {
				l.out = append(l.out, vrrp.Action{ID: id, Kind: vrrp.SendAdvert, Priority: 100})
			}
			l.dispatch(now)
			l.publish()
		}); n != 0 {
			t.Errorf("sending %d adverts allocates %v times", batch, n)
		}
		if n := testing.AllocsPerRun(rounds, func() {
			at := Now()
			must(t, l.poll(0))
			l.beat(at)
			must(t, l.timer.arm(at.Add(time.Second)))
		}); n != 0 {
			t.Errorf("an idle round allocates %v times", n)
		}
	}))
	s := l.Stats()
	if got := s.Received - received; got != (rounds+1)*batch {
		t.Errorf("%d adverts received, want %d", got, (rounds+1)*batch)
	}
	if got := s.Sent - sent; got != (rounds+1)*batch {
		t.Errorf("%d adverts sent, want %d", got, (rounds+1)*batch)
	}
}

// Adverts that come one by one are taken together, and what is due by the clock does not wait for it.
func TestLoopGathersWhatArrivesOneByOne(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24")
	b := speak(t, newNode(t, lab, "b", "10.99.0.2/24"))
	b.add(1, config4(1, 100, 40*time.Second))
	b.attach(b.bind(1, addr("10.99.0.2")))
	const count, gather = 100, 50 * time.Millisecond
	blast := newBlaster(t, a, "eth0", adverts4(count, "10.99.0.1"))
	rounds := func() uint64 {
		before := b.loop.Stats()
		for i := range count {
			blast.send(i, i+1)
			time.Sleep(time.Millisecond) // the sender's pace
		}
		eventually(t, "all are received", func() bool { return b.loop.Stats().Received-before.Received == count })
		return b.loop.Stats().Rounds - before.Rounds
	}
	alone := rounds()
	b.loop.Gather(gather)
	together := rounds()
	if together > alone/3 {
		t.Errorf("%d adverts take %d rounds gathered and %d one by one, want a third at most", count, together, alone)
	}
	// An Active on the same loop, with an interval far below what is gathered, stays on time.
	b.add(2, config4(2, 255, 10*time.Millisecond))
	b.attach(b.bind(2, addr("10.99.0.2")))
	before, since := b.loop.Stats().Sent, time.Now()
	time.Sleep(500 * time.Millisecond)
	sent, want := b.loop.Stats().Sent-before, uint64(time.Since(since)/(10*time.Millisecond))
	if sent < want*8/10 {
		t.Errorf("%d adverts were sent of %d that were due", sent, want)
	}
}
