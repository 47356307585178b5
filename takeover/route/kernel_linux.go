// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Kernel adds and deletes routes and rules in one network namespace. Its methods may be called from several goroutines;
// calls run one after the other.
//
// It remembers what it added, for [Kernel.Watch]. A line is there once, however often it was added: who adds it for two
// reasons deletes it when both are gone.
//
// It encodes messages itself, because github.com/vishvananda/netlink lacks a good part of what a line can say: locks of
// metrics, preferences, lifetimes, tunnels of IP, l3mdev, and asking for the routes of one protocol alone.
type Kernel struct {
	log  *slog.Logger
	conn *netlink.Conn

	mu     sync.Mutex
	routes map[string]*heldRoute // by canonical text
	places map[place]bool        // of routes; nil when out of date
	rules  map[Rule]*heldRule
}

// heldRoute is a route that was added.
type heldRoute struct {
	line Route // as the caller has it
	is   Route // with the table of its VRF
	gone bool  // that was told
}

type heldRule struct{ gone bool }

// Open opens a socket in the network namespace of the calling thread.
func Open(log *slog.Logger) (*Kernel, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for routes: %w", err)
	}
	// Both make answers smaller and clearer (Linux 4.20 and 4.12): without them everything works.
	_ = conn.SetOption(netlink.GetStrictCheck, true)
	_ = conn.SetOption(netlink.ExtendedAcknowledge, true)
	return &Kernel{log: log, conn: conn, routes: map[string]*heldRoute{}, rules: map[Rule]*heldRule{}}, nil
}

// Close closes the socket. Routes and rules stay.
func (k *Kernel) Close() error { return k.conn.Close() }

// Add installs routes. One that is there already is no error if it carries our mark, or the protocol that its line names;
// otherwise it is [ErrExists]. The errors belong to the routes one by one; nil means that all went well.
//
// Names of interfaces are resolved now: a route must be added again when its interface was made anew.
func (k *Kernel) Add(routes []Route) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.each("add", routes, func(r *Route, l *links) error {
		data, err := r.message(l.index)
		if err != nil {
			return err
		}
		err = k.execute(rtmNewRoute, r.flags(), data)
		if !errors.Is(err, unix.EEXIST) || r.Mode == Replace {
			return err
		}
		there, seen := k.shown(map[uint8]bool{r.protocol(): true}, l)
		switch {
		case seen != nil:
			return seen
		case there.has(r):
			return nil
		}
		return ErrExists
	}, func(r, is Route, err error) {
		k.places = nil
		if err != nil {
			delete(k.routes, r.String())
			return
		}
		k.routes[r.String()] = &heldRoute{line: r, is: is}
	})
}

// at reports whether a route that was added has this place.
func (k *Kernel) at(p place) bool {
	if k.places == nil {
		k.places = map[place]bool{}
		for _, h := range k.routes {
			k.places[h.is.place()] = true
		}
	}
	return k.places[p]
}

// flags of the request to add.
func (r *Route) flags() netlink.HeaderFlags {
	switch r.Mode {
	case Add:
		return netlink.Create | netlink.Excl
	case Append:
		return netlink.Create | netlink.Append
	case Replace:
		return netlink.Create | netlink.Replace
	case Prepend:
	}
	return netlink.Create
}

// Delete removes routes: those that carry their protocol (see [Protocol]) and lead where the line says. One that is absent
// is no error. What is there in its place, by another line that was added here, is left: of lines that differ in metrics
// alone, delete the old one before adding the new one.
func (k *Kernel) Delete(routes []Route) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range routes {
		delete(k.routes, r.String())
	}
	k.places = nil
	return k.each("delete", routes, func(r *Route, l *links) error {
		for _, other := range k.routes {
			if other.is.identity() == r.identity() && other.is.same(*r) {
				return nil // the kernel cannot tell them apart
			}
		}
		data, err := r.deletion(l.index)
		if err == nil {
			err = k.execute(rtmDelRoute, 0, data)
		}
		if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		return err
	}, func(Route, Route, error) {})
}

// each does something with each route, with names resolved, and puts errors together.
func (k *Kernel) each(verb string, routes []Route, do func(*Route, *links) error, done func(r, is Route, err error)) []error {
	if len(routes) == 0 {
		return nil
	}
	errs := make([]error, len(routes))
	l, err := k.links()
	for i, r := range routes {
		is := r
		errs[i] = err
		if err == nil {
			if errs[i] = is.resolve(l); errs[i] == nil {
				errs[i] = do(&is, l)
			}
			if verb == "delete" && errors.Is(errs[i], ErrNoDevice) {
				errs[i] = nil // the route went with it
			}
		}
		done(r, is, errs[i])
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s route %q: %w%s", verb, r, errs[i], hint(errs[i]))
		}
	}
	return k.conclude(verb, errs)
}

// resolve puts the table of the VRF in.
func (r *Route) resolve(l *links) error {
	if r.VRF == "" {
		return nil
	}
	if _, ok := l.index[r.VRF]; !ok {
		return fmt.Errorf("vrf %s: %w", r.VRF, ErrNoDevice)
	}
	if r.Table = l.vrf[r.VRF]; r.Table == 0 {
		return fmt.Errorf("vrf %s: the interface is no VRF device", r.VRF)
	}
	return nil
}

func (k *Kernel) conclude(verb string, errs []error) []error {
	bad := 0
	for _, err := range errs {
		if err != nil {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	k.log.Debug("routes or rules that could not be changed", "verb", verb, "bad", bad, "all", len(errs))
	return errs
}

// hint is the way out of an error.
func hint(err error) string {
	switch {
	case errors.Is(err, unix.EPERM):
		return " (needs CAP_NET_ADMIN)"
	case errors.Is(err, unix.ENETUNREACH):
		return " (is the gateway in a subnet of this host? if not, say onlink)"
	case errors.Is(err, unix.ENETDOWN):
		return " (is the interface up?)"
	}
	return ""
}

// execute sends a request and waits for the answer.
func (k *Kernel) execute(kind netlink.HeaderType, flags netlink.HeaderFlags, data []byte) error {
	_, err := k.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags}, Data: data,
	})
	return plain(err)
}

// plain strips what the package for netlink says beside the kernel's error.
func plain(err error) error {
	var op *netlink.OpError
	if !errors.As(err, &op) || op.Err == nil {
		return err
	}
	var number unix.Errno
	if errors.As(op.Err, &number) {
		if op.Message != "" {
			return fmt.Errorf("%w (%s)", number, op.Message)
		}
		return number
	}
	return err
}

// dumpTries is how often a list that changes while it is read is read again.
const dumpTries = 8

// dump returns what the kernel lists. What it does not know of, it has none of.
func (k *Kernel) dump(kind netlink.HeaderType, data []byte) ([]netlink.Message, error) {
	for range dumpTries {
		msgs, err := k.conn.Execute(netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: data,
		})
		switch {
		case errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ENOENT):
			return nil, nil
		case err != nil:
			return nil, plain(err)
		}
		whole := true
		for _, m := range msgs {
			whole = whole && m.Header.Flags&netlink.DumpInterrupted == 0
		}
		if whole {
			return msgs, nil
		}
	}
	return nil, fmt.Errorf("the list changed while it was read, %d times: %w", dumpTries, unix.EAGAIN)
}

// links are the interfaces.
type links struct {
	index map[string]int
	name  map[int]string
	vrf   map[string]uint32 // tables of VRF devices
}

func (k *Kernel) links() (*links, error) {
	msgs, err := k.dump(rtmGetLink, make([]byte, lengthLink))
	if err != nil {
		return nil, fmt.Errorf("read interfaces: %w", err)
	}
	l := &links{map[string]int{}, map[int]string{}, map[string]uint32{}}
	for _, m := range msgs {
		index, name, _, table, err := parseLink(m.Data)
		if err != nil {
			return nil, fmt.Errorf("read interfaces: %w", err)
		}
		l.index[name], l.name[index] = index, name
		if table != 0 {
			l.vrf[name] = table
		}
	}
	return l, nil
}

// shown reads the routes of some protocols.
func (k *Kernel) shown(protocols map[uint8]bool, l *links) (shown, error) {
	out := shown{}
	for protocol := range protocols {
		for _, f := range []byte{familyIPv4, familyIPv6} {
			// The kernel may take no notice of the protocol: before Linux 4.20 it lists all routes.
			msgs, err := k.dump(rtmGetRoute, []byte{0: f, 5: protocol, lengthRoute - 1: 0})
			if err != nil {
				return nil, fmt.Errorf("read routes: %w", err)
			}
			for _, m := range msgs {
				r, ok, err := parseRoute(m.Data, l.name)
				if err != nil {
					return nil, fmt.Errorf("read routes: %w", err)
				}
				if ok && r.Protocol == protocol {
					out[r.identity()] = append(out[r.identity()], r)
				}
			}
		}
	}
	return out, nil
}

// Leftovers returns the routes and rules in the namespace that carry our mark, whichever process installed them, but for
// those that are to stay. Those of lines with a protocol of their own are not among them: a caller that knows of such
// lines deletes them by what it wrote down.
func (k *Kernel) Leftovers(stay []Route, stayRules []Rule) (routes []Route, rules []Rule, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, err := k.links()
	if err != nil {
		return nil, nil, err
	}
	there, err := k.shown(map[uint8]bool{Protocol: true}, l)
	if err != nil {
		return nil, nil, err
	}
	for _, some := range there {
		for _, r := range some {
			if !slices.ContainsFunc(stay, func(s Route) bool {
				_ = s.resolve(l) // a VRF that is not there has no routes
				return s.identity() == r.identity() && s.same(r)
			}) {
				routes = append(routes, r)
			}
		}
	}
	all, err := k.listed()
	if err != nil {
		return nil, nil, err
	}
	for _, r := range all {
		if r.Protocol == Protocol && !slices.ContainsFunc(stayRules, func(s Rule) bool { return s.like(r) }) {
			rules = append(rules, r)
		}
	}
	sortRoutes(routes)
	return routes, rules, nil
}
