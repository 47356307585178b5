// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var (
	errShort = errors.New("message from the kernel is too short")
	// errInterrupted: the rules changed while they were read.
	errInterrupted = errors.New("the rules kept changing while they were read")
)

const (
	// sendBuffer holds a transaction of several ten thousand elements; the kernel takes a transaction in one datagram only.
	sendBuffer = 8 << 20
	// answerLimit bounds the wait for the kernel's answer to a transaction. It answers before sendmsg returns.
	answerLimit = 10 * time.Second
)

// conn is a netlink socket that speaks with nf_tables. The kernel ties an owned table to it.
type conn struct {
	nl     *netlink.Conn
	single int // bytes that one transaction may have
}

// dial opens the socket in the network namespace of the calling thread.
func dial() (*conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netfilter socket: %w", err)
	}
	// Words beside the error number are welcome, not needed; a buffer that cannot grow makes transactions smaller.
	_ = nl.SetOption(netlink.ExtendedAcknowledge, true)
	_ = nl.SetWriteBuffer(sendBuffer)
	single, err := nl.WriteBuffer()
	if err != nil {
		_ = nl.Close() // the first error is the one to report
		return nil, fmt.Errorf("read the buffer size of a netfilter socket: %w", err)
	}
	return &conn{nl: nl, single: single - 4096}, nil
}

func (c *conn) close() error { return c.nl.Close() }

// opError says which step of a transaction the kernel refused.
type opError struct {
	what string
	kind uint16 // message type, NFT_MSG_…; of the whole transaction: NFNL_MSG_BATCH_BEGIN
	err  error
	text string // the kernel's words, if any
}

func (e *opError) Error() string {
	s := e.what + ": " + e.err.Error()
	if e.text != "" {
		s += " (" + e.text + ")"
	}
	return s + wayOut(e)
}

func (e *opError) Unwrap() error { return e.err }

// wayOut says what the operator can do about an error.
func wayOut(e *opError) string {
	switch {
	case errors.Is(e.err, unix.EPERM) && e.kind == unix.NFNL_MSG_BATCH_BEGIN:
		return " (needs CAP_NET_ADMIN)"
	case errors.Is(e.err, unix.EPERM):
		return " (another running process owns the table)"
	case errors.Is(e.err, unix.ENOENT) && e.kind == unix.NFT_MSG_NEWRULE:
		return " (needs the kernel's nft_reject_inet and nft_fib_inet)"
	case errors.Is(e.err, unix.EOPNOTSUPP) && e.kind == unix.NFT_MSG_NEWRULE:
		return " (reject in prerouting needs Linux 5.9)"
	case errors.Is(e.err, unix.EMSGSIZE), errors.Is(e.err, unix.ENOBUFS):
		return " (raise net.core.wmem_max)"
	}
	return ""
}

// commit carries out the operations as one transaction: all or none.
func (c *conn) commit(ops []op) error {
	if len(ops) == 0 {
		return nil
	}
	msgs := make([]netlink.Message, 0, len(ops)+2)
	msgs = append(msgs, batchMessage(unix.NFNL_MSG_BATCH_BEGIN))
	for _, o := range ops {
		msgs = append(msgs, o.msg)
	}
	msgs[len(msgs)-1].Header.Flags |= netlink.Acknowledge
	msgs = append(msgs, batchMessage(unix.NFNL_MSG_BATCH_END))
	whole := func(err error, text string) error {
		return &opError{"change the rules", unix.NFNL_MSG_BATCH_BEGIN, err, text}
	}
	if err := c.nl.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return whole(err, "")
	}
	sent, err := c.nl.SendMessages(msgs)
	if err != nil {
		return whole(errnoOf(err), "")
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-2].Header.Sequence
	var failed error
	for {
		answers, err := c.nl.Receive()
		var refused *netlink.OpError
		switch {
		case errors.As(err, &refused) && refused.Sequence == first:
			if failed != nil {
				return failed
			}
			return whole(refused.Err, refused.Message)
		case errors.As(err, &refused) && refused.Sequence-first-1 < uint32(len(ops)):
			o := ops[refused.Sequence-first-1]
			if failed == nil {
				failed = &opError{o.what, uint16(o.msg.Header.Type) & 0xff, refused.Err, refused.Message}
			}
			if refused.Sequence == last {
				return failed
			}
		case errors.As(err, &refused) && refused.Sequence != 0:
			// What is left of an earlier transaction.
		case err != nil:
			return whole(errnoOf(err), "")
		}
		for _, m := range answers {
			if m.Header.Sequence == last {
				return failed
			}
		}
	}
}

// batchMessage begins or ends a transaction.
func batchMessage(kind netlink.HeaderType) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request},
		Data:   binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, unix.NFNL_SUBSYS_NFTABLES),
	}
}

// commitParts carries out operations that need not be atomic; they are split only where the socket cannot take them at once.
func (c *conn) commitParts(ops []op) error {
	for len(ops) > 0 {
		n, size := 0, 0
		for n < len(ops) {
			size += len(ops[n].msg.Data) + unix.SizeofNlMsghdr
			if n > 0 && size > c.single {
				break
			}
			n++
		}
		if err := c.commit(ops[:n]); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// dump returns the data of all messages that answer a request.
func (c *conn) dump(what string, kind uint16, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) ([][]byte, error) {
	return c.dumpFamily(unix.NFPROTO_INET, what, kind, flags, fill)
}

// dumpFamily is dump for tables of another family, or of all.
func (c *conn) dumpFamily(family byte, what string, kind uint16, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) ([][]byte, error) {
	attrs, err := encode(fill)
	if err != nil {
		return nil, err
	}
	for range 10 {
		m := nfMessage(kind, flags, attrs)
		m.Data[0] = family
		data, again, err := c.ask(m)
		if err != nil {
			return nil, &opError{what, kind, errnoOf(err), ""}
		}
		if !again {
			return data, nil
		}
	}
	return nil, &opError{what, kind, errInterrupted, ""}
}

// ask sends one request and collects its answers; again: they are not of one moment.
func (c *conn) ask(m netlink.Message) (data [][]byte, again bool, err error) {
	if err := c.nl.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, false, err
	}
	sent, err := c.nl.Send(m)
	if err != nil {
		return nil, false, err
	}
	for {
		answers, err := c.nl.Receive()
		var refused *netlink.OpError
		if errors.As(err, &refused) && refused.Sequence != 0 && refused.Sequence != sent.Header.Sequence {
			continue
		}
		if err != nil {
			return nil, errors.Is(err, unix.EINTR), errUnless(err, unix.EINTR)
		}
		if len(answers) > 0 && answers[0].Header.Sequence != sent.Header.Sequence {
			continue
		}
		for _, a := range answers {
			again = again || a.Header.Flags&netlink.DumpInterrupted != 0
			data = append(data, a.Data)
		}
		return data, again, nil
	}
}

func errUnless(err, not error) error {
	if errors.Is(err, not) {
		return nil
	}
	return err
}

// errnoOf returns the error number inside a netlink error, whose words say nothing more.
func errnoOf(err error) error {
	var n unix.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}
