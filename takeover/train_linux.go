// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// trainLength is how many requests go into one sendmsg. Each may be answered with an error, and all answers have to
	// fit into the receive buffer, since the kernel puts them there before sendmsg returns.
	trainLength = 128
	// trainBuffer is the receive buffer that is asked for: an answer occupies less than 1 KiB of it.
	trainBuffer = 1 << 20
	// datagramLength holds the longest datagram of a dump (the kernel makes them at most 32 KiB) or answer.
	datagramLength = 64 << 10

	// dumpTries is how often a list that changes while it is read is read again.
	dumpTries = 8
)

// requester is a netlink socket for requests: dumps, and trains of messages. It may be used from several goroutines.
type requester struct {
	mu   sync.Mutex // one request or train at a time
	conn *netlink.Conn
	raw  syscall.RawConn
	buf  []byte
}

// openRequester opens a netlink socket in the network namespace of the calling thread.
func openRequester(family int) (*requester, error) {
	conn, err := netlink.Dial(family, nil)
	if err != nil {
		return nil, err
	}
	// Both options only make answers smaller and clearer (Linux 4.3 and 4.12): without them everything works.
	_ = conn.SetOption(netlink.CapAcknowledge, true)
	_ = conn.SetOption(netlink.ExtendedAcknowledge, true)
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close() // the first error matters
		return nil, err
	}
	if err := receiveBuffer(raw, trainBuffer); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &requester{conn: conn, raw: raw, buf: make([]byte, datagramLength)}, nil
}

// receiveBuffer enlarges the receive buffer of a socket, past the limit of the system where that is permitted.
func receiveBuffer(raw syscall.RawConn, size int) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size)
		}
	})
	return errors.Join(err, failed)
}

func (r *requester) close() error { return r.conn.Close() }

// dump sends one request and returns the payloads of all parts of the answer. The kernel says when what it lists has
// changed meanwhile: then something may be missing, and it is asked again.
func (r *requester) dump(kind netlink.HeaderType, data []byte) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range dumpTries {
		parts, whole, err := r.dumpOnce(kind, data)
		if err != nil || whole {
			return parts, err
		}
	}
	return nil, fmt.Errorf("the list changed while it was read, %d times: %w", dumpTries, unix.EAGAIN)
}

func (r *requester) dumpOnce(kind netlink.HeaderType, data []byte) (parts [][]byte, whole bool, err error) {
	sent, err := r.conn.Send(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump},
		Data:   data,
	})
	if err != nil {
		return nil, false, err
	}
	whole = true
	for done := false; !done; {
		n, err := receive(r.raw, r.buf, true)
		if err != nil {
			return nil, false, fmt.Errorf("read the kernel's answer: %w", err)
		}
		var failed error
		err = eachMessage(slices.Clone(r.buf[:n]), func(kind, flags uint16, seq uint32, data []byte) {
			if seq != sent.Header.Sequence {
				return // left over from a request that was given up
			}
			whole = whole && flags&nlmsgInterrupted == 0
			switch kind {
			case nlmsgError, nlmsgDone:
				done = true
				if len(data) >= lengthErrorCode { // at the end of a dump, too, is an error number
					failed = answerError(flags, data)
				}
			default:
				parts = append(parts, data)
			}
		})
		if err := errors.Join(err, failed); err != nil {
			return nil, false, err
		}
	}
	return parts, whole, nil
}

// train sends requests, many in one sendmsg, and returns an error for each that failed; nil if none did.
//
// The kernel works off a datagram in order and answers requests that fail in any case, those that succeed only when
// asked to. So the last of each datagram alone asks for an acknowledgement: when that is in, everything is known, and a
// thousand addresses cost eight pairs of system calls.
func (r *requester) train(msgs []netlink.Message) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for start := 0; start < len(msgs); start += trainLength {
		part := msgs[start:min(start+trainLength, len(msgs))]
		part[len(part)-1].Header.Flags |= netlink.Acknowledge
		failed := func(i int, err error) {
			if errs == nil {
				errs = make([]error, len(msgs))
			}
			errs[start+i] = err
		}
		if err := r.wagon(part, failed, nil); err != nil {
			for i := range part {
				failed(i, err)
			}
		}
	}
	return errs
}

// query sends requests that are answered by one message each, and calls found with the answers. Requests that fail are
// no error: they have no answer. There must not be more of them than answers fit into the receive buffer.
func (r *requester) query(msgs []netlink.Message, found func(i int, data []byte)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	msgs[len(msgs)-1].Header.Flags |= netlink.Acknowledge
	return r.wagon(msgs, func(int, error) {}, found)
}

// wagon sends requests in one sendmsg and reads the answers until the last one's is there.
func (r *requester) wagon(msgs []netlink.Message, failed func(int, error), found func(int, []byte)) error {
	sent, err := r.conn.SendMessages(msgs)
	if err != nil {
		return err
	}
	index := make(map[uint32]int, len(sent))
	for i, m := range sent {
		index[m.Header.Sequence] = i
	}
	last := sent[len(sent)-1].Header.Sequence
	for done := false; !done; {
		n, err := receive(r.raw, r.buf, true)
		if err != nil {
			return fmt.Errorf("read the kernel's answers: %w", err)
		}
		err = eachMessage(r.buf[:n], func(kind uint16, flags uint16, seq uint32, data []byte) {
			i, ours := index[seq]
			if !ours {
				return // left over from a request that was given up
			}
			if kind != nlmsgError {
				if found != nil {
					found(i, data)
				}
				return
			}
			if err := answerError(flags, data); err != nil {
				failed(i, err)
			}
			done = done || seq == last
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// receive reads one datagram. Without wait it returns 0 when there is none.
func receive(raw syscall.RawConn, buf []byte, wait bool) (n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		for {
			n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if errors.Is(err, unix.EAGAIN) {
			n, err = 0, nil
			return !wait
		}
		return true
	})
	return max(n, 0), errors.Join(waitErr, err)
}
