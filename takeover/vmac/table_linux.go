// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tableName is the name of the table, of the family netdev.
const tableName = "regent-vmac"

// How much of the table this kernel can do.
const (
	wholeTable  = iota
	withoutExit // no hook on the way out: before Linux 5.16, or built without it
	noTable
)

// table keeps the nftables table.
type table struct {
	warn  func(string, ...any)
	conn  *nftables.Conn // nil: not opened yet
	port  atomic.Uint32  // of its socket: changes of others come from another one
	level int

	now       picture
	made      bool
	gone      bool // there is none: not of an earlier run either
	bases     map[int]string
	links     map[int]Place
	adverts   map[element]string
	answering map[int][]netip.Addr
}

func newTable(warn func(string, ...any)) *table { return &table{warn: warn} }

// places notes the interfaces. fresh tells that all were made a moment ago: they are mute before the first Show. Of others nobody knows.
func (t *table) places(bases map[int]base, made []Place, adverts map[element]string, fresh bool) {
	if t.answering == nil && fresh {
		t.answering = map[int][]netip.Addr{}
	}
	t.bases, t.links, t.adverts = map[int]string{}, map[int]Place{}, adverts
	for _, p := range made {
		if p.Index != 0 {
			t.links[p.Index] = p
			t.bases[p.Base] = bases[p.Base].name
		}
	}
	t.apply()
}

// show notes which interfaces answer for what.
func (t *table) show(answering map[int][]netip.Addr) {
	t.answering = answering
	t.apply()
}

// apply makes the kernel's table what the notes say.
func (t *table) apply() {
	if len(t.links) == 0 {
		t.forget()
		return
	}
	t.gone = false
	if t.level == noTable || t.answering == nil {
		return // before the first Show nobody knows who is mute
	}
	next := draw(t.bases, t.links, t.adverts, t.answering)
	err := t.update(next)
	if t.level == wholeTable && errors.Is(err, unix.EOPNOTSUPP) {
		t.level = withoutExit
		t.warn("what virtual addresses send has the MAC of the interface below: the hook on the way out needs Linux 5.16", "error", err)
		err = t.update(next)
	}
	if err == nil {
		return
	}
	t.warn("nftables cannot be used for virtual MACs: what virtual addresses send has the MAC of the interface below, and interfaces "+
		"of virtual routers that are not Active are not mute", "error", err)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EINVAL) {
		t.level = noTable
	}
	// What it says is out of date; an address that answers must not be mute.
	if err := t.drop(); err != nil && !errors.Is(err, unix.ENOENT) {
		t.warn("the nftables table of virtual MACs cannot be removed", "table", tableName, "error", err)
	}
}

// forget removes the table of nobody, which may be one that an earlier run left: it would give the virtual MAC to what addresses send
// that are on the interface below by now.
func (t *table) forget() {
	if t.gone {
		return
	}
	t.gone = true
	made := t.made
	if err := t.drop(); err != nil && made && !errors.Is(err, unix.ENOENT) {
		t.warn("the nftables table of virtual MACs cannot be removed", "table", tableName, "error", err)
	}
}

// mend makes the table anew that somebody changed.
func (t *table) mend() {
	t.made = false
	t.apply()
}

// update changes the kernel's table: the elements, or all of it where devices came or went or somebody removed it.
func (t *table) update(next picture) error {
	if t.made && next.sameDevices(t.now) {
		add, remove := next.difference(t.now)
		if len(add)+len(remove) == 0 {
			return nil
		}
		err := t.commit(func(c *nftables.Conn, at *nftables.Table) error {
			return errors.Join(change(c, at, remove, c.SetDeleteElements), change(c, at, add, c.SetAddElements))
		})
		if err == nil {
			t.now = next
			return nil
		}
	}
	t.made = false
	err := t.commit(func(c *nftables.Conn, at *nftables.Table) error {
		c.AddTable(at) // so that there is one to delete
		c.DelTable(at)
		c.AddTable(at)
		return t.build(c, at, next)
	})
	t.made = err == nil
	t.now = next
	return err
}

// commit carries out what f asks for: all or nothing.
func (t *table) commit(f func(*nftables.Conn, *nftables.Table) error) error {
	if t.conn == nil {
		c, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(conn *netlink.Conn) error {
			t.port.Store(conn.PID())
			return nil
		}))
		if err != nil {
			return fmt.Errorf("open nftables: %w", err)
		}
		t.conn = c
	}
	err := f(t.conn, &nftables.Table{Name: tableName, Family: nftables.TableFamilyNetdev})
	if flushed := t.conn.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("change table netdev %s: %w", tableName, flushed)
	}
	if err != nil { // the socket may have answers left that nobody waits for
		err = errors.Join(err, t.conn.CloseLasting())
		t.conn = nil
	}
	return err
}

// change adds or removes elements, set by set.
func change(c *nftables.Conn, at *nftables.Table, elems map[element]string, do func(*nftables.Set, []nftables.SetElement) error) error {
	bySet := map[string][]nftables.SetElement{}
	for e, v := range elems {
		one := nftables.SetElement{Key: []byte(e.key)}
		if v != "" {
			one.Val = []byte(v)
		}
		bySet[e.set] = append(bySet[e.set], one)
	}
	for _, name := range slices.Sorted(maps.Keys(bySet)) {
		for some := range slices.Chunk(bySet[name], 1000) { // an attribute's length has 16 bits
			if err := do(setNamed(at, name), some); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
	}
	return nil
}

// oneByte is the type of VRIDs: nft has none for them.
var oneByte = nftables.TypeInetProto

// setNamed is one of the table's sets.
func setNamed(at *nftables.Table, name string) *nftables.Set {
	s := &nftables.Set{Table: at, Name: name, DataType: nftables.TypeEtherAddr, IsMap: true}
	switch name[0] {
	case 'm': // mute
		return &nftables.Set{Table: at, Name: name, KeyType: nftables.TypeIFIndex, KeyByteOrder: binaryutil.NativeEndian}
	case 'v': // virtual
		return &nftables.Set{Table: at, Name: name, KeyType: nftables.TypeEtherAddr}
	case 'a': // adverts
		s.KeyType = oneByte
	case 'f': // four
		s.KeyType = nftables.TypeIPAddr
	default: // six
		s.KeyType = nftables.TypeIP6Addr
	}
	return s
}

// build makes the whole table.
func (t *table) build(c *nftables.Conn, at *nftables.Table, p picture) error {
	id := uint32(0)
	set := func(name string) (*nftables.Set, error) {
		s := setNamed(at, name)
		id++
		s.ID = id
		return s, c.AddSet(s, nil)
	}
	chain := func(name string, hook *nftables.ChainHook, device string, rules [][]anyExpr) {
		made := c.AddChain(&nftables.Chain{Table: at, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook,
			Priority: nftables.ChainPriorityRef(0), Device: device})
		for _, r := range rules {
			c.AddRule(&nftables.Rule{Table: at, Chain: made, Exprs: r})
		}
	}
	mute, err := set(setMute)
	if err != nil {
		return err
	}
	virtual, err := set(setVirtual)
	if err != nil {
		return err
	}
	for index, name := range p.bases {
		var maps [4]*nftables.Set
		for i, name := range []string{setOf(index, false), setOf(index, true), advertsOf(index, false), advertsOf(index, true)} {
			if maps[i], err = set(name); err != nil {
				return err
			}
		}
		if t.level == wholeTable {
			chain("out-"+strconv.Itoa(index), nftables.ChainHookEgress, name, exit(virtual, maps[0], maps[1], maps[2], maps[3]))
		}
	}
	for index, l := range p.links {
		chain("in-"+strconv.Itoa(index), nftables.ChainHookIngress, l.Name, deaf(mute))
		if t.level == wholeTable {
			chain("away-"+strconv.Itoa(index), nftables.ChainHookEgress, l.Name, dumb(mute))
		}
	}
	return change(c, at, p.elems, c.SetAddElements)
}

// drop removes the table.
func (t *table) drop() error {
	t.made = false
	return t.commit(func(c *nftables.Conn, at *nftables.Table) error {
		c.DelTable(at)
		return nil
	})
}

func (t *table) close(remove bool) error {
	var err error
	if remove && t.made {
		if err = t.drop(); errors.Is(err, unix.ENOENT) {
			err = nil
		}
	}
	if t.conn != nil {
		err = errors.Join(err, t.conn.CloseLasting())
	}
	return err
}
