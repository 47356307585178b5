// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture is a running or finished recording.
type Capture struct {
	path string
	fd   int
	loop bool // the socket is a bridge's: leave out what the bridge itself sends

	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu     sync.Mutex
	frames []Frame // the latest, for Wait
	fresh  chan struct{}
	count  int
	lost   int
	err    error
}

// maxRemembered frames are kept for [Capture.Wait] and [Capture.Frames]; the file has all.
const maxRemembered = 1 << 17

// Capture records what reaches the default network's bridge. The filter is in the language of
// pcap-filter(7), "" takes every frame.
func (l *Lab) Capture(name, filter string) (*Capture, error) {
	return l.lan.Capture(name, filter)
}

// Capture records what reaches the network's bridge, every frame once.
func (w *Network) Capture(name, filter string) (*Capture, error) {
	return w.lab.capture(w.space, bridgeName, name, filter)
}

// Capture records what one interface of the node sends and receives. Frames
// of a node that is cut off are seen here.
func (n *Node) Capture(ifname, name, filter string) (*Capture, error) {
	return n.lab.capture(n.space, ifname, name, filter)
}

func (l *Lab) capture(s *space, ifname, name, filter string) (*Capture, error) {
	program, err := compileFilter(filter)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	c := &Capture{
		path: l.file(name, ".pcap"), loop: ifname == bridgeName,
		stop: make(chan struct{}), done: make(chan struct{}), fresh: make(chan struct{}),
	}
	if err := s.do(func() (err error) {
		c.fd, err = openPacketSocket(ifname, program)
		return err
	}); err != nil {
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	file, err := os.OpenFile(c.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		unix.Close(c.fd) //nolint:errcheck // nothing was written to it
		return nil, fmt.Errorf("capture %s: %w", name, err)
	}
	l.mu.Lock()
	l.captures = append(l.captures, c)
	l.mu.Unlock()
	go c.record(file)
	return c, nil
}

// Path of the pcap file.
func (c *Capture) Path() string { return c.path }

// Stop records what has arrived so far, closes the file and returns its path. An error
// says that the kernel had to drop frames, or that the file is incomplete.
func (c *Capture) Stop() (string, error) {
	c.once.Do(func() { close(c.stop) })
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.lost > 0 {
		c.err = fmt.Errorf("capture %s: the kernel dropped %d frames", c.path, c.lost)
	}
	return c.path, c.err
}

// Frames returns the frames recorded so far (the latest 131072 of them).
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

// Wait returns the first frame, recorded at or after since, that matches; it
// waits for one to come.
func (c *Capture) Wait(ctx context.Context, since time.Time, match func(Frame) bool) (Frame, error) {
	seen := 0 // frames of the whole capture that were looked at
	for {
		c.mu.Lock()
		fresh := c.fresh
		from := max(0, len(c.frames)-(c.count-seen))
		pending := c.frames[from:]
		seen = c.count
		c.mu.Unlock()
		for _, f := range pending {
			if !f.Time.Before(since) && match(f) {
				return f, nil
			}
		}
		select {
		case <-fresh:
		case <-c.done:
			return Frame{}, errors.New("capture ended without such a frame")
		case <-ctx.Done():
			return Frame{}, fmt.Errorf("wait for a frame: %w", context.Cause(ctx))
		}
	}
}

// record moves frames from the socket to the file until told to stop, and
// then until a moment without frames or a frame younger than the request.
func (c *Capture) record(file *os.File) {
	defer close(c.done)
	defer unix.Close(c.fd) //nolint:errcheck // read only
	out := bufio.NewWriterSize(file, 1<<16)
	err := writeFileHeader(out)
	var end time.Time
	buffer := make([]byte, snapLength)
	control := make([]byte, 256)
	for err == nil {
		var batch []Frame
		var wait bool
		batch, wait, err = c.read(buffer, control)
		for _, f := range batch {
			err = errors.Join(err, writeRecord(out, f))
		}
		c.publish(batch)
		if err != nil || (!end.IsZero() && (wait || time.Now().After(end.Add(time.Second)))) {
			break
		}
		if wait {
			err = out.Flush() // readers may look at any time
		}
		if end.IsZero() {
			select {
			case <-c.stop:
				end = time.Now()
			default:
			}
		}
	}
	lost, statErr := droppedFrames(c.fd)
	err = errors.Join(err, statErr, out.Flush(), file.Close())
	c.mu.Lock()
	c.lost, c.err = lost, err
	c.mu.Unlock()
}

// publish makes frames visible to Wait.
func (c *Capture) publish(batch []Frame) {
	if len(batch) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count += len(batch)
	c.frames = append(c.frames, batch...)
	if over := len(c.frames) - maxRemembered; over > maxRemembered/4 {
		c.frames = append([]Frame(nil), c.frames[over:]...)
	}
	close(c.fresh)
	c.fresh = make(chan struct{})
}

// read takes what the socket has, up to 256 frames. It waits up to 20 ms for the
// first; wait tells that none came in that time.
func (c *Capture) read(buffer, control []byte) (batch []Frame, wait bool, err error) {
	poll := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 20)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, false, fmt.Errorf("wait for frames: %w", err)
	}
	if n == 0 {
		return nil, true, nil
	}
	for len(batch) < 256 {
		size, oobn, _, from, err := unix.Recvmsg(c.fd, buffer, control, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			return batch, false, nil
		case errors.Is(err, unix.ENETDOWN):
			return batch, false, nil // the interface went down; it may come back
		case err != nil:
			return batch, false, fmt.Errorf("receive frame: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if ok && c.loop && link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		f := Frame{Time: stampOf(control[:oobn]), Length: size}
		f.Data = append([]byte(nil), buffer[:min(size, len(buffer))]...)
		batch = append(batch, f)
	}
	return batch, false, nil
}

// stampOf finds the kernel's time stamp (SO_TIMESTAMPNS).
func stampOf(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}
