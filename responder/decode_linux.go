// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"
	"time"

	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// foundTable, foundChain, foundRule, foundSet and foundElement are what the kernel says is there.
type foundTable struct {
	name    string
	flags   uint32
	owner   uint32 // netlink port of the owning socket; 0: nobody
	comment string
}

type foundChain struct {
	table, name, kind string
	hook              uint32
	priority          int32
	policy            uint32
	base              bool
}

type foundRule struct{ table, chain, comment string }

type foundSet struct {
	table, name string
	flags       uint32
	keyType     uint32
	keyLen      uint32
}

type foundElement struct {
	key     []byte
	expires time.Duration // 0: stays
	packets uint64
}

// attributes walks over the attributes behind struct nfgenmsg.
func attributes(data []byte, visit func(*netlink.AttributeDecoder)) error {
	if len(data) < nfgenLen {
		return errShort
	}
	return walk(data[nfgenLen:], visit)
}

// walk visits each attribute of b; numbers are in network byte order.
func walk(b []byte, visit func(*netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		visit(ad)
	}
	return ad.Err()
}

// commentOf returns the comment in an object's userdata, or "".
func commentOf(data []byte) string {
	for len(data) >= 2 && len(data) >= 2+int(data[1]) {
		value := data[2 : 2+int(data[1])]
		if userdata.Type(data[0]) == userdata.TypeComment {
			for len(value) > 0 && value[len(value)-1] == 0 {
				value = value[:len(value)-1]
			}
			return string(value)
		}
		data = data[2+int(data[1]):]
	}
	return ""
}

func parseTable(data []byte) (t foundTable, err error) {
	err = attributes(data, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_TABLE_NAME:
			t.name = ad.String()
		case unix.NFTA_TABLE_FLAGS:
			t.flags = ad.Uint32()
		case attrTableOwner:
			t.owner = ad.Uint32()
		case attrTableUserdata:
			t.comment = commentOf(ad.Bytes())
		}
	})
	return t, err
}

func parseChain(data []byte) (c foundChain, err error) {
	err = attributes(data, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_CHAIN_TABLE:
			c.table = ad.String()
		case unix.NFTA_CHAIN_NAME:
			c.name = ad.String()
		case unix.NFTA_CHAIN_TYPE:
			c.kind = ad.String()
		case unix.NFTA_CHAIN_POLICY:
			c.policy = ad.Uint32()
		case unix.NFTA_CHAIN_HOOK:
			c.base = true
			ad.Do(func(b []byte) error {
				return walk(b, func(h *netlink.AttributeDecoder) {
					switch h.Type() {
					case unix.NFTA_HOOK_HOOKNUM:
						c.hook = h.Uint32()
					case unix.NFTA_HOOK_PRIORITY:
						c.priority = h.Int32()
					}
				})
			})
		}
	})
	return c, err
}

func parseRule(data []byte) (r foundRule, err error) {
	err = attributes(data, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			r.table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			r.chain = ad.String()
		case unix.NFTA_RULE_USERDATA:
			r.comment = commentOf(ad.Bytes())
		}
	})
	return r, err
}

func parseSet(data []byte) (s foundSet, err error) {
	err = attributes(data, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_SET_TABLE:
			s.table = ad.String()
		case unix.NFTA_SET_NAME:
			s.name = ad.String()
		case unix.NFTA_SET_FLAGS:
			s.flags = ad.Uint32()
		case unix.NFTA_SET_KEY_TYPE:
			s.keyType = ad.Uint32()
		case unix.NFTA_SET_KEY_LEN:
			s.keyLen = ad.Uint32()
		}
	})
	return s, err
}

// parseElements returns the elements of one message of a dump.
func parseElements(data []byte) (list []foundElement, err error) {
	err = attributes(data, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		ad.Do(func(b []byte) error {
			return walk(b, func(item *netlink.AttributeDecoder) {
				item.Do(func(b []byte) error {
					e, err := parseElement(b)
					list = append(list, e)
					return err
				})
			})
		})
	})
	return list, err
}

func parseElement(b []byte) (e foundElement, err error) {
	err = walk(b, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_SET_ELEM_KEY:
			ad.Do(func(b []byte) error {
				return walk(b, func(v *netlink.AttributeDecoder) {
					if v.Type() == unix.NFTA_DATA_VALUE {
						e.key = v.Bytes()
					}
				})
			})
		case unix.NFTA_SET_ELEM_EXPIRATION:
			e.expires = time.Duration(min(ad.Uint64(), 1<<40)) * time.Millisecond
		case unix.NFTA_SET_ELEM_EXPR:
			ad.Do(func(b []byte) error { return parseCounter(b, &e.packets) })
		}
	})
	return e, err
}

// parseCounter reads the packets of an element's counter expression.
func parseCounter(b []byte, packets *uint64) error {
	return walk(b, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != unix.NFTA_EXPR_DATA {
			return
		}
		ad.Do(func(b []byte) error {
			return walk(b, func(c *netlink.AttributeDecoder) {
				if c.Type() == unix.NFTA_COUNTER_PACKETS {
					*packets = c.Uint64()
				}
			})
		})
	})
}
