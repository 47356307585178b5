// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
	attrTableOwner    = 7   // NFTA_TABLE_OWNER
	attrSetExpr       = 17  // NFTA_SET_EXPR
	nfAccept          = 1   // NF_ACCEPT
)

// nfgenLen is the length of struct nfgenmsg, which every message begins with.
const nfgenLen = 4

// chunkBytes bounds the elements of one message; an attribute's length has 16 bits.
const chunkBytes = 32 << 10

// op is one message of a transaction and what it does, for errors.
type op struct {
	msg  netlink.Message
	what string
}

// nfMessage returns a message of the nf_tables subsystem for family inet.
func nfMessage(kind uint16, flags netlink.HeaderFlags, attrs []byte) netlink.Message {
	data := append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, attrs...)
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | flags,
		},
		Data: data,
	}
}

// encode builds attributes in network byte order.
func encode(fill func(*netlink.AttributeEncoder)) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	fill(ae)
	return ae.Encode()
}

// writer collects the operations of a transaction; the first encoding error stops it.
type writer struct {
	table string
	ops   []op
	err   error
}

// add appends one message.
func (w *writer) add(what string, kind uint16, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) {
	attrs, err := encode(fill)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("encode %s: %w", what, err)
	}
	w.ops = append(w.ops, op{nfMessage(kind, flags, attrs), what})
}

// comment returns text as the userdata that nft prints as a comment.
func comment(kind userdata.Type, text string) []byte {
	return userdata.Append(nil, kind, append([]byte(text), 0))
}

// newTable makes the table, or with existing set changes the flags of one that is there.
func (w *writer) newTable(flags uint32, text string, existing bool) {
	how := netlink.Create | netlink.Excl
	what := "make table inet " + w.table
	if existing {
		how, what = 0, "own table inet "+w.table
	}
	w.add(what, unix.NFT_MSG_NEWTABLE, how, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, w.table)
		ae.Uint32(unix.NFTA_TABLE_FLAGS, flags)
		if !existing {
			ae.Bytes(attrTableUserdata, comment(userdata.TypeComment, text))
		}
	})
}

// removeTable removes the table with all that is in it.
func (w *writer) removeTable() {
	w.add("remove table inet "+w.table, unix.NFT_MSG_DELTABLE, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, w.table)
	})
}

// newChain makes a chain; a base chain sees every packet that comes in, one of type nat the first of each connection.
func (w *writer) newChain(c chain) {
	w.add("make chain "+c.name, unix.NFT_MSG_NEWCHAIN, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_CHAIN_TABLE, w.table)
		ae.String(unix.NFTA_CHAIN_NAME, c.name)
		if c.kind == "" {
			return
		}
		ae.Nested(unix.NFTA_CHAIN_HOOK, func(h *netlink.AttributeEncoder) error {
			h.Uint32(unix.NFTA_HOOK_HOOKNUM, unix.NF_INET_PRE_ROUTING)
			h.Int32(unix.NFTA_HOOK_PRIORITY, c.priority)
			return nil
		})
		ae.Uint32(unix.NFTA_CHAIN_POLICY, nfAccept)
		ae.String(unix.NFTA_CHAIN_TYPE, c.kind)
	})
}

// setFlags returns the flags of a set.
func setFlags(s setID) uint32 {
	if s.lapses() {
		return unix.NFT_SET_TIMEOUT
	}
	return 0
}

// newSet makes a set; number tells the sets of one transaction apart.
func (w *writer) newSet(s setID, number uint32) {
	w.add("make set "+s.String(), unix.NFT_MSG_NEWSET, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_SET_TABLE, w.table)
		ae.String(unix.NFTA_SET_NAME, s.String())
		ae.Uint32(unix.NFTA_SET_FLAGS, setFlags(s))
		ae.Uint32(unix.NFTA_SET_KEY_TYPE, s.keyType())
		ae.Uint32(unix.NFTA_SET_KEY_LEN, uint32(s.keyLen()))
		ae.Uint32(unix.NFTA_SET_ID, number)
		if s.counts() {
			// Each new element gets a counter of its own from this one.
			ae.Do(unix.NLA_F_NESTED|attrSetExpr, func() ([]byte, error) { return expr.Marshal(unix.NFPROTO_INET, &expr.Counter{}) })
		}
	})
}

// newRule appends a rule to its chain.
func (w *writer) newRule(r rule) {
	w.add(fmt.Sprintf("make rule %q in chain %s", r.comment, r.chain), unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append,
		func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_RULE_TABLE, w.table)
			ae.String(unix.NFTA_RULE_CHAIN, r.chain)
			ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(list *netlink.AttributeEncoder) error {
				for _, e := range r.exprs {
					list.Do(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, func() ([]byte, error) { return expr.Marshal(unix.NFPROTO_INET, e) })
				}
				return nil
			})
			ae.Bytes(unix.NFTA_RULE_USERDATA, comment(userdata.TypeComment, r.comment))
		})
}

// layout is all of a table that never changes: chains, sets, rules. It is encoded once, so that a table that somebody
// removed is back at once.
type layout struct {
	traits
	comment string // names the layout: a table that carries another one was made by another version, or for another speaker
	ops     []op
}

// newLayout encodes the layout of a table of that name.
func newLayout(table string, t traits) (*layout, error) {
	w := writer{table: table}
	for _, c := range chains(t) {
		w.newChain(c)
	}
	for i, s := range allSets() {
		w.newSet(s, uint32(i+1))
	}
	for _, r := range rules(t) {
		w.newRule(r)
	}
	h := sha256.New()
	for _, o := range w.ops {
		h.Write(o.msg.Data)
	}
	return &layout{t, "Regent refuses here; layout " + hex.EncodeToString(h.Sum(nil)[:6]), w.ops}, w.err
}

// appendAttr appends one attribute whose value is made by fill.
func appendAttr(b []byte, kind uint16, fill func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = fill(b)
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	binary.NativeEndian.PutUint16(b[start+2:], kind)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// appendElement appends a set element; ttl 0: it stays until removed.
func appendElement(b []byte, e element, ttl time.Duration) []byte {
	return appendAttr(b, unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, func(b []byte) []byte {
		b = appendAttr(b, unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_KEY, func(b []byte) []byte {
			return appendAttr(b, unix.NFTA_DATA_VALUE, e.appendKey)
		})
		if ttl > 0 {
			b = appendAttr(b, unix.NFTA_SET_ELEM_TIMEOUT, func(b []byte) []byte {
				return binary.BigEndian.AppendUint64(b, uint64(max(ttl/time.Millisecond, 1)))
			})
		}
		return b
	})
}

// addElements adds elements, sorted by set, to their sets.
func (w *writer) addElements(list []element, ttl time.Duration) {
	w.elements("add to set", unix.NFT_MSG_NEWSETELEM, netlink.Create, list, ttl)
}

// removeElements removes elements, sorted by set, from their sets. Each must be there.
func (w *writer) removeElements(list []element) {
	w.elements("remove from set", unix.NFT_MSG_DELSETELEM, 0, list, 0)
}

func (w *writer) elements(verb string, kind uint16, flags netlink.HeaderFlags, list []element, ttl time.Duration) {
	for len(list) > 0 {
		set, n := list[0].set, 0
		var packed []byte
		for n < len(list) && list[n].set == set && len(packed) < chunkBytes {
			packed = appendElement(packed, list[n], ttl)
			n++
		}
		what := fmt.Sprintf("%s %v: %v", verb, set, list[0].addr)
		if n > 1 {
			what += fmt.Sprintf(" and %d more", n-1)
		}
		w.add(what, kind, flags, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, w.table)
			ae.String(unix.NFTA_SET_ELEM_LIST_SET, set.String())
			ae.Bytes(unix.NLA_F_NESTED|unix.NFTA_SET_ELEM_LIST_ELEMENTS, packed)
		})
		list = list[n:]
	}
}

// emptySet removes every element of a set.
func (w *writer) emptySet(s setID) {
	w.add("empty set "+s.String(), unix.NFT_MSG_DELSETELEM, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, w.table)
		ae.String(unix.NFTA_SET_ELEM_LIST_SET, s.String())
	})
}
