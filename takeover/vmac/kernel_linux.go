// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/tablewatch"
)

// Kernel makes, keeps and removes the interfaces of virtual routers. Its methods are for one goroutine, on a thread in the network
// namespace that [Open] was called in: settings are files below /proc/sys/net.
type Kernel struct {
	log   *slog.Logger
	route *netlink.Handle
	bases map[int]base   // by index
	tamed map[int]Want   // interfaces that have their settings, by index
	kept  map[int]string // interfaces of virtual routers, by index
	table *table
	watch *tablewatch.Watcher // nil: nftables cannot be watched
	said  map[string]bool     // warnings that were given
}

// base is an interface below, and how it was before.
type base struct {
	name string
	was  mark
}

// watchPause is the least time between two words that the table was changed: two that fight over it must not take the machine
// with them.
const watchPause = 100 * time.Millisecond

// Open opens the kernel's side, in the network namespace of the calling thread. It changes nothing. changed is told, from a goroutine
// of its own, that somebody else changed the table: [Kernel.Mend] is to be called then. nil: nobody is.
func Open(log *slog.Logger, changed func()) (*Kernel, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink for virtual MACs: %w", err)
	}
	k := &Kernel{log: log, route: h, bases: map[int]base{}, tamed: map[int]Want{}, kept: map[int]string{}, said: map[string]bool{}}
	k.table = newTable(k.warn)
	if changed == nil {
		return k, nil
	}
	k.watch, err = tablewatch.Watch(tablewatch.Table{Family: unix.NFPROTO_NETDEV, Name: tableName}, k.table.port.Load, func(w *tablewatch.Watcher) {
		for again := true; again; again = w.Pause(watchPause) {
			changed()
		}
	})
	if err != nil {
		log.Debug("the table of virtual MACs is not watched", "error", err) // without nftables there is no table either
	}
	return k, nil
}

// Set makes the interfaces be there and up that are wanted, and removes those that an earlier Set or an earlier run made and nobody
// wants any more. The answers are aligned with the wants; errs is nil if all are there. An interface that somebody deleted, set
// down or re-created is put right by the next Set.
func (k *Kernel) Set(wants []Want) (places []Place, errs []error) {
	places, errs = make([]Place, len(wants)), make([]error, len(wants))
	fail := func(err error) ([]Place, []error) {
		for i := range errs {
			errs[i] = err
		}
		return places, errs
	}
	links, err := k.links()
	if err != nil {
		return fail(err)
	}
	p := makePlan(links, wants)
	for _, l := range p.remove {
		k.learn(l, links)
		if err := k.remove(l); err != nil {
			k.log.Warn("the interface of a virtual MAC that nobody wants cannot be removed", "interface", l.name, "error", err)
		}
	}
	k.settle(p, links)
	made := make([]Place, len(p.decisions))
	failed := func(v *decision, err error) {
		v.err = fmt.Errorf("virtual MAC %s on %s: %w", v.want.MAC, v.want.Base, hint(err))
	}
	adopted := false
	for i := range p.decisions {
		v := &p.decisions[i]
		if v.err != nil {
			continue
		}
		adopted = adopted || v.adopt != nil
		if made[i], err = k.carryOut(v); err != nil {
			failed(v, err)
		}
	}
	for i, at := range p.of {
		places[i] = made[at]
	}
	k.table.places(k.bases, made, adverts(wants, places), !adopted)
	clear(k.kept)
	for i := range p.decisions {
		v := &p.decisions[i]
		if v.err != nil {
			continue
		}
		if err := k.raise(v.adopt); err != nil {
			failed(v, err)
			continue
		}
		k.kept[made[i].Index] = made[i].Name
	}
	bad := false
	for i, at := range p.of {
		errs[i] = p.decisions[at].err
		bad = bad || errs[i] != nil
	}
	if !bad {
		errs = nil
	}
	return places, errs
}

// adverts are the elements for the adverts of routers that have an interface.
func adverts(wants []Want, places []Place) map[element]string {
	out := map[element]string{}
	for i, w := range wants {
		if p := places[i]; w.Adverts && p.Index != 0 {
			out[element{advertsOf(p.Base, w.Six), string([]byte{w.VRID})}] = string(p.MAC[:])
		}
	}
	return out
}

func hint(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w (needs CAP_NET_ADMIN)", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w (needs the kernel's module macvlan)", err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w (the interface below has that MAC already, or belongs to a bridge or bond)", err)
	}
	return err
}

// Show says which interfaces answer for which addresses, by index; all others are mute. It is quick, and called before addresses
// come and after they have gone.
func (k *Kernel) Show(answering map[int][]netip.Addr) { k.table.show(answering) }

// Mend makes the table anew after somebody changed it.
func (k *Kernel) Mend() { k.table.mend() }

// Check puts back the settings on which it depends what hosts learn, where somebody changed them: sysctl --system is run when packages
// are installed, and by udev for each new interface. It is cheap, and called every few seconds.
func (k *Kernel) Check() {
	for _, b := range k.bases {
		if now := k.markOf(b.name); now.ignore >= 0 && quiet(now) != now {
			k.warn("somebody changed the ARP settings of an interface below a virtual MAC; they are put back", "interface", b.name)
			k.write(quiet(now), b.name)
		}
	}
	for index, name := range k.kept {
		now := k.markOf(name)
		if now.ignore < 0 || quiet(now) == now && k.read(name, "rp_filter") == loose {
			continue // it is gone, or as it should be
		}
		k.warn("somebody changed the settings of the interface of a virtual MAC; they are put back", "interface", name)
		k.tame(name, k.tamed[index])
	}
}

// Close ends the work. With remove, interfaces and table go, and the bases get their settings back; without, all stays for the next run.
func (k *Kernel) Close(remove bool) error {
	var errs []error
	if k.watch != nil {
		errs = append(errs, k.watch.Close())
	}
	if remove {
		if _, failed := k.Set(nil); failed != nil {
			errs = append(errs, failed...)
		}
	}
	errs = append(errs, k.table.close(remove))
	k.route.Close()
	return errors.Join(errs...)
}

// learn takes from the mark of an interface what its base was like before.
func (k *Kernel) learn(l link, links []link) {
	m, ok := parseMark(l.alias)
	if _, known := k.bases[l.base]; !ok || known {
		return
	}
	for _, b := range links {
		if b.index == l.base {
			k.bases[l.base] = base{b.name, m}
		}
	}
}

// settle quietens the bases that are used, and gives those that are not their settings back.
func (k *Kernel) settle(p plan, links []link) {
	used := map[int]string{}
	for _, v := range p.decisions {
		if v.err == nil {
			used[v.base.index] = v.base.name
			if v.adopt != nil {
				k.learn(*v.adopt, links)
			}
		}
	}
	there := map[int]string{}
	for _, l := range links {
		there[l.index] = l.name
	}
	for index, b := range k.bases {
		if used[index] != "" {
			continue
		}
		delete(k.bases, index)
		if name := there[index]; name != "" {
			k.write(b.was, name)
		}
	}
	for index, name := range used {
		b, known := k.bases[index]
		now := k.markOf(name)
		if !known {
			b.was = now
		}
		b.name = name
		k.bases[index] = b
		if want := quiet(now); want != now {
			k.write(want, name)
		}
	}
}

// write sets the ARP settings of an interface; those that are not known stay.
func (k *Kernel) write(m mark, name string) {
	for key, value := range map[string]int{"arp_ignore": m.ignore, "arp_announce": m.announce} {
		if value >= 0 {
			k.setting("ipv4", name, key, value, "hosts may learn the wrong MAC for a virtual address")
		}
	}
}

// warn says something once.
func (k *Kernel) warn(text string, args ...any) {
	if key := text + fmt.Sprint(args...); !k.said[key] {
		k.said[key] = true
		k.log.Warn(text, args...)
	}
}

// interfacePath is the place of a setting. Names of interfaces have no slash.
func interfacePath(family, name, key string) string {
	return "/proc/sys/net/" + family + "/conf/" + strings.ReplaceAll(name, "/", "_") + "/" + key
}
