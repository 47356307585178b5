// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/requestor"
)

// loop holds the descriptors of a running watcher.
type loop struct {
	w       *Watcher
	epoll   int
	timer   int
	event   int
	to      unix.Sockaddr
	from    unix.Sockaddr // nil if any
	family  int
	pending []attempt // by start
	left    int       // of pending, not yet done
}

// attempt under way.
type attempt struct {
	number int
	fd     int // -1 when done
	start  time.Time
}

func (w *Watcher) open() (_ *loop, err error) {
	l := &loop{w: w, epoll: -1, timer: -1, event: -1}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.family, l.to, err = sockaddr(w.address); err != nil {
		return nil, err
	}
	if w.o.Source.IsValid() {
		family, from, err := sockaddr(netip.AddrPortFrom(w.o.Source, 0))
		if err != nil || family != l.family {
			return nil, errors.Join(fmt.Errorf("source %s does not fit", w.o.Source), err)
		}
		l.from = from
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	if l.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create event: %w", err)
	}
	every := unix.NsecToTimespec(w.o.Every.Nanoseconds())
	if err := unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return nil, fmt.Errorf("set timer: %w", err)
	}
	for _, fd := range []int{l.timer, l.event} {
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, fmt.Errorf("add to epoll: %w", err)
		}
	}
	return l, nil
}

// sockaddr converts an address; a zone is resolved on the calling thread.
func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr, err error) {
	addr := a.Addr().Unmap()
	if addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}, nil
	}
	six := &unix.SockaddrInet6{Port: int(a.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		if six.ZoneId, err = interfaceIndex(zone); err != nil {
			return 0, nil, fmt.Errorf("zone of %s: %w", a, err)
		}
	}
	return unix.AF_INET6, six, nil
}

// interfaceIndex asks the kernel, in the namespace of the thread.
func interfaceIndex(name string) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd) //nolint:errcheck // only asked
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return request.Uint32(), nil
}

func (l *loop) close() {
	for _, a := range l.pending {
		l.drop(a.fd)
	}
	for _, fd := range []int{l.epoll, l.timer, l.event} {
		l.drop(fd)
	}
}

// drop closes a descriptor that is open. It has no data to lose.
func (l *loop) drop(fd int) {
	if fd >= 0 {
		unix.Close(fd) //nolint:errcheck // nothing was written
	}
}

// wake ends the wait of the loop, from another thread.
func (l *loop) wake() {
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	unix.Write(l.event, one) //nolint:errcheck // full is awake
}

func (l *loop) run(ctx context.Context) error {
	events := make([]unix.EpollEvent, 256)
	buffer := make([]byte, 8)
	for {
		ending := ctx.Err() != nil
		if ending && l.left == 0 {
			return nil
		}
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
		tick := false
		for _, e := range events[:max(n, 0)] {
			switch int(e.Fd) {
			case l.timer, l.event:
				tick = true
				unix.Read(int(e.Fd), buffer) //nolint:errcheck // only empties it
			default:
				l.ready(int(e.Fd))
			}
		}
		if !tick {
			continue
		}
		l.giveUp(time.Now())
		if ctx.Err() == nil {
			if err := l.start(); err != nil {
				return err
			}
		}
	}
}

// start begins one attempt.
func (l *loop) start() error {
	fd, err := unix.Socket(l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	// Closing resets: nothing stays behind in TIME_WAIT, where a thousand a
	// second would soon use up the ports.
	err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err == nil && l.from != nil {
		err = unix.Bind(fd, l.from)
	}
	if err != nil {
		l.drop(fd)
		return fmt.Errorf("prepare socket: %w", err)
	}
	start := time.Now()
	number := l.w.begin(start)
	err = unix.Connect(fd, l.to)
	if errors.Is(err, unix.EINPROGRESS) {
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(fd)})
		if err == nil {
			l.pending, l.left = append(l.pending, attempt{number: number, fd: fd, start: start}), l.left+1
			return nil
		}
	}
	l.drop(fd)
	l.w.finish(number, requestor.Classify(err))
	return nil
}

// ready finishes the attempt whose socket has its outcome.
func (l *loop) ready(fd int) {
	i := slices.IndexFunc(l.pending, func(a attempt) bool { return a.fd == fd })
	if i < 0 {
		return // given up in this round
	}
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && number != 0 {
		err = syscall.Errno(number)
	}
	l.end(i, requestor.Classify(err))
}

// giveUp ends the attempts that had their time.
func (l *loop) giveUp(now time.Time) {
	for i, a := range l.pending {
		if now.Sub(a.start) < l.w.o.Patience {
			break
		}
		if a.fd >= 0 {
			l.end(i, requestor.Timeout)
		}
	}
	done := slices.IndexFunc(l.pending, func(a attempt) bool { return a.fd >= 0 })
	if done < 0 {
		done = len(l.pending)
	}
	l.pending = slices.Delete(l.pending, 0, done)
}

func (l *loop) end(i int, outcome requestor.Outcome) {
	a := &l.pending[i]
	l.drop(a.fd)
	a.fd = -1
	l.left--
	l.w.finish(a.number, outcome)
}
