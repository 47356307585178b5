// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What golang.org/x/sys/unix does not name (linux/netfilter/nf_tables.h).
const (
	tableOwner        = 0x2 // NFT_TABLE_F_OWNER: only the socket that made the table may change it
	tablePersist      = 0x4 // NFT_TABLE_F_PERSIST: the table outlives its socket
	attrTableUserdata = 6   // NFTA_TABLE_USERDATA
	accept            = 1   // NF_ACCEPT
)

const (
	// chunk bounds the elements of one message: an attribute's length has 16 bits.
	chunk = 1000
	// answerLimit bounds the wait for the kernel's answer. It answers before sendmsg returns.
	answerLimit = 10 * time.Second
)

// batch collects the messages of a transaction; the first encoding error stops it. It encodes them itself, because
// github.com/google/nftables cannot give a table an owner.
type batch struct {
	table string
	msgs  []netlink.Message
	what  []string
	err   error
}

func (b *batch) add(what string, kind uint16, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	fill(ae)
	attrs, err := ae.Encode()
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("encode %s: %w", what, err)
	}
	b.what = append(b.what, what)
	b.msgs = append(b.msgs, netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | flags},
		Data:   append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, attrs...),
	})
}

func comment(text string) []byte { return userdata.AppendString(nil, userdata.TypeComment, text) }

func (b *batch) removeTable() {
	b.add("remove table inet "+b.table, unix.NFT_MSG_DELTABLE, 0, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_TABLE_NAME, b.table) })
}

// whole makes the table with all that is in it.
func (b *batch) whole(flags uint32, elements []element) {
	b.add("make table inet "+b.table, unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, b.table)
		ae.Uint32(unix.NFTA_TABLE_FLAGS, flags)
		ae.Bytes(attrTableUserdata, comment("Regent: virtual addresses that take no packets"))
	})
	for name, hook := range map[string]uint32{chainIn: unix.NF_INET_LOCAL_IN, chainOut: unix.NF_INET_LOCAL_OUT} {
		b.add("make chain "+name, unix.NFT_MSG_NEWCHAIN, netlink.Create, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_CHAIN_TABLE, b.table)
			ae.String(unix.NFTA_CHAIN_NAME, name)
			ae.Nested(unix.NFTA_CHAIN_HOOK, func(h *netlink.AttributeEncoder) error {
				h.Uint32(unix.NFTA_HOOK_HOOKNUM, hook)
				h.Int32(unix.NFTA_HOOK_PRIORITY, priority)
				return nil
			})
			ae.Uint32(unix.NFTA_CHAIN_POLICY, accept)
			ae.String(unix.NFTA_CHAIN_TYPE, "filter")
		})
	}
	for s := range sets {
		kind, length := s.key()
		b.add("make set "+s.String(), unix.NFT_MSG_NEWSET, netlink.Create, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_SET_TABLE, b.table)
			ae.String(unix.NFTA_SET_NAME, s.String())
			ae.Uint32(unix.NFTA_SET_FLAGS, 0)
			ae.Uint32(unix.NFTA_SET_KEY_TYPE, kind)
			ae.Uint32(unix.NFTA_SET_KEY_LEN, length)
			ae.Uint32(unix.NFTA_SET_ID, uint32(s)+1)
		})
	}
	for _, r := range rules() {
		b.add(fmt.Sprintf("make rule %q", r.comment), unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_RULE_TABLE, b.table)
			ae.String(unix.NFTA_RULE_CHAIN, r.chain)
			ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(list *netlink.AttributeEncoder) error {
				for _, e := range r.exprs {
					list.Do(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, func() ([]byte, error) { return expr.Marshal(unix.NFPROTO_INET, e) })
				}
				return nil
			})
			ae.Bytes(unix.NFTA_RULE_USERDATA, comment(r.comment))
		})
	}
	b.elements("add to", unix.NFT_MSG_NEWSETELEM, netlink.Create, elements)
}

// change adds and removes elements, each sorted by set.
func (b *batch) change(add, remove []element) {
	b.elements("remove from", unix.NFT_MSG_DELSETELEM, 0, remove)
	b.elements("add to", unix.NFT_MSG_NEWSETELEM, netlink.Create, add)
}

func (b *batch) elements(verb string, kind uint16, flags netlink.HeaderFlags, list []element) {
	for len(list) > 0 {
		s, n := list[0].set, 0
		for n < len(list) && list[n].set == s && n < chunk {
			n++
		}
		some := list[:n]
		b.add(fmt.Sprintf("%s set %s: %v", verb, s, some[0].addr), kind, flags, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, b.table)
			ae.String(unix.NFTA_SET_ELEM_LIST_SET, s.String())
			ae.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(list *netlink.AttributeEncoder) error {
				for _, e := range some {
					list.Nested(unix.NFTA_LIST_ELEM, func(one *netlink.AttributeEncoder) error {
						one.Nested(unix.NFTA_SET_ELEM_KEY, func(key *netlink.AttributeEncoder) error {
							key.Bytes(unix.NFTA_DATA_VALUE, e.key())
							return nil
						})
						return nil
					})
				}
				return nil
			})
		})
		list = list[n:]
	}
}

// opError says which step of a transaction the kernel refused.
type opError struct {
	what string
	kind uint16 // NFT_MSG_…; of the whole transaction: NFNL_MSG_BATCH_BEGIN
	err  error
}

func (e *opError) Error() string {
	hint := ""
	switch {
	case errors.Is(e.err, unix.EPERM) && e.kind == unix.NFNL_MSG_BATCH_BEGIN:
		hint = " (needs CAP_NET_ADMIN)"
	case errors.Is(e.err, unix.EPERM):
		hint = " (another running process owns the table)"
	case errors.Is(e.err, unix.EMSGSIZE), errors.Is(e.err, unix.ENOBUFS):
		hint = " (raise net.core.wmem_max)"
	}
	return e.what + ": " + e.err.Error() + hint
}

func (e *opError) Unwrap() error { return e.err }

// commit carries out a transaction: all or nothing.
func (b *batch) commit(c *netlink.Conn) error {
	if b.err != nil || len(b.msgs) == 0 {
		return b.err
	}
	whole := func(err error) error {
		return &opError{"change table inet " + b.table, unix.NFNL_MSG_BATCH_BEGIN, number(err)}
	}
	mark := func(kind netlink.HeaderType) netlink.Message {
		return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request},
			Data: binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, unix.NFNL_SUBSYS_NFTABLES)}
	}
	msgs := append([]netlink.Message{mark(unix.NFNL_MSG_BATCH_BEGIN)}, b.msgs...)
	msgs[len(msgs)-1].Header.Flags |= netlink.Acknowledge
	msgs = append(msgs, mark(unix.NFNL_MSG_BATCH_END))
	if err := c.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return whole(err)
	}
	sent, err := c.SendMessages(msgs)
	if err != nil {
		return whole(err)
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-2].Header.Sequence
	var failed error
	for {
		answers, err := c.Receive()
		var refused *netlink.OpError
		switch at := uint32(0); {
		case errors.As(err, &refused) && refused.Sequence == first:
			return errors.Join(failed, whole(refused.Err))
		case errors.As(err, &refused) && refused.Sequence-first-1 < uint32(len(b.msgs)):
			at = refused.Sequence - first - 1
			if failed == nil {
				failed = &opError{b.what[at], uint16(b.msgs[at].Header.Type) & 0xff, number(refused.Err)}
			}
			if refused.Sequence == last {
				return failed
			}
		case errors.As(err, &refused) && refused.Sequence != 0: // what is left of an earlier transaction
		case err != nil:
			return whole(err)
		}
		for _, m := range answers {
			if m.Header.Sequence == last {
				return failed
			}
		}
	}
}

// number returns the error number inside a netlink error, whose words say nothing more.
func number(err error) error {
	var n unix.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}
