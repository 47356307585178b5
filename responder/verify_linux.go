// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// differs compares the table in the kernel, except its elements, with what it should be and says in words where they
// part; "" if nowhere.
func (t *table) differs(found *foundTable) (string, error) {
	if found.flags != t.wanted() {
		return fmt.Sprintf("its flags are %#x, not %#x", found.flags, t.wanted()), nil
	}
	if found.comment != t.layout.comment {
		return "its layout is that of another version, or for another speaker", nil
	}
	for _, check := range []func() (string, error){t.chainsDiffer, t.setsDiffer, t.rulesDiffer} {
		if why, err := check(); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// objects dumps the objects of a kind; some kernels send those of all tables.
func objects[T any](t *table, what string, kind uint16, parse func([]byte) (T, error)) ([]T, error) {
	answers, err := t.c.dump("read "+what, kind, netlink.Dump, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, t.name) // the table has the same attribute number everywhere
	})
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(answers))
	for _, a := range answers {
		o, err := parse(a)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		list = append(list, o)
	}
	return list, nil
}

func (t *table) chainsDiffer() (string, error) {
	list, err := objects(t, "chains", unix.NFT_MSG_GETCHAIN, parseChain)
	if err != nil {
		return "", err
	}
	want := map[string]foundChain{}
	for _, c := range chains(t.layout.traits) {
		f := foundChain{table: t.name, name: c.name, base: c.kind != ""}
		if f.base {
			f.kind, f.hook, f.priority, f.policy = c.kind, unix.NF_INET_PRE_ROUTING, c.priority, nfAccept
		}
		want[c.name] = f
	}
	for _, c := range list {
		if c.table != t.name {
			continue
		}
		if w, ok := want[c.name]; !ok || w != c {
			return "chain " + c.name + " is not ours", nil
		}
		delete(want, c.name)
	}
	for name := range want {
		return "chain " + name + " is missing", nil
	}
	return "", nil
}

func (t *table) setsDiffer() (string, error) {
	list, err := objects(t, "sets", unix.NFT_MSG_GETSET, parseSet)
	if err != nil {
		return "", err
	}
	want := map[string]foundSet{}
	for _, s := range allSets() {
		want[s.String()] = foundSet{
			table: t.name, name: s.String(), flags: setFlags(s), keyType: s.keyType(), keyLen: uint32(s.keyLen()),
		}
	}
	for _, s := range list {
		if s.table != t.name {
			continue
		}
		if w, ok := want[s.name]; !ok || w != s {
			return "set " + s.name + " is not ours", nil
		}
		delete(want, s.name)
	}
	for name := range want {
		return "set " + name + " is missing", nil
	}
	return "", nil
}

func (t *table) rulesDiffer() (string, error) {
	list, err := objects(t, "rules", unix.NFT_MSG_GETRULE, parseRule)
	if err != nil {
		return "", err
	}
	have, want := map[string][]string{}, map[string][]string{}
	for _, r := range list {
		if r.table == t.name {
			have[r.chain] = append(have[r.chain], r.comment)
		}
	}
	for _, r := range rules(t.layout.traits) {
		want[r.chain] = append(want[r.chain], r.comment)
	}
	for name, comments := range want {
		if !slices.Equal(have[name], comments) {
			return "the rules of chain " + name + " were changed", nil
		}
	}
	return "", nil
}

// lapseSlack: an element that is about to lapse may be gone already.
const lapseSlack = time.Second

// elementsDiffer compares the elements in the kernel with what this process put there.
func (t *table) elementsDiffer() (string, error) {
	now := table{c: t.c, name: t.name}
	if err := now.load(true); err != nil {
		return "", err
	}
	if !slices.Equal(now.have, t.have) {
		return "refused addresses were changed", nil
	}
	for addr, until := range t.serving {
		_, there := now.serving[addr]
		rest, valid := remaining(until, time.Now())
		if !there && valid && (rest == 0 || rest > lapseSlack) {
			return "served addresses were changed", nil
		}
	}
	for addr := range now.serving {
		if _, ours := t.serving[addr]; !ours {
			return "served addresses were changed", nil
		}
	}
	return "", nil
}

// lapse forgets served addresses whose time is over.
func lapse(serving map[netip.Addr]time.Time, now time.Time) {
	for addr, until := range serving {
		if _, ok := remaining(until, now); !ok {
			delete(serving, addr)
		}
	}
}
