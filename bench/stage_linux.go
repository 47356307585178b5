// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// The priorities of the owner and its heir. The heir's Skew_Time is a sixteenth of the interval.
const (
	ownerPriority = 250
	heirPriority  = 240
)

// stage is an owner, its heir and a client on one network.
type stage struct {
	b           *bench
	subject     subject
	lab         *netlab.Lab
	owner, heir *netlab.Node
	client      *netlab.Node
	daemons     [2]worker // of the owner and of the heir
	routers     [2]peers.Router
	vip         netip.Addr
	dir         string
	rounds      int
}

// clientAddress is the client's.
var clientAddress = netip.MustParseAddr("10.99.0.3")

// newStage lays the network and starts both daemons with real-time scheduling for intervals that need it; edit may change what the
// routers are.
func (b *bench) newStage(s subject, interval time.Duration, realtime bool, edit func(*peers.Router)) (*stage, error) {
	dir, err := os.MkdirTemp(b.dir, "s")
	if err != nil {
		return nil, err
	}
	lab, err := netlab.Open(netlab.Options{Dir: filepath.Join(dir, "lab")})
	if err != nil {
		return nil, err
	}
	st := &stage{b: b, subject: s, lab: lab, dir: dir}
	for i, n := range []**netlab.Node{&st.owner, &st.heir, &st.client} {
		if *n, err = lab.Node([]string{"owner", "heir", "client"}[i], fmt.Sprintf("10.99.0.%d/24", i+1)); err != nil {
			return nil, errors.Join(err, st.close())
		}
	}
	r := peers.Router{Interface: "eth0", VRID: 51, Version: 3, Interval: interval, Refuse: true,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.99.0.100/24")}}
	if edit != nil {
		edit(&r)
	}
	st.vip = r.Addresses[0].Addr()
	for i, p := range []int{ownerPriority, heirPriority} {
		st.routers[i] = r
		st.routers[i].Priority = p
		st.daemons[i] = s.make(filepath.Join(dir, []string{"o", "h"}[i]), realtime)
	}
	for i, node := range []*netlab.Node{st.owner, st.heir} {
		if err := st.daemons[i].Start(b.ctx, node, st.routers[i]); err != nil {
			return nil, errors.Join(err, st.close())
		}
	}
	return st, nil
}

// close ends everything.
func (st *stage) close() error {
	var errs []error
	for _, d := range st.daemons {
		if d != nil {
			errs = append(errs, d.Cleanup())
		}
	}
	return errors.Join(append(errs, st.lab.Close(), os.RemoveAll(st.dir))...)
}

// calm waits until the owner alone has the address, for two intervals. A daemon that does not come back after it was killed is
// started once more; how often that was needed is in the result.
func (st *stage) calm() error {
	err := st.settle()
	if err != nil && st.b.ctx.Err() == nil && st.rounds > 1 {
		st.b.add("all", "owners that did not come back until they were started once more", Count, st.subject.name, 1)
		st.b.say("%s: %v", st.subject.name, err)
		if err = st.restart(); err == nil {
			err = st.settle()
		}
	}
	return err
}

func (st *stage) settle() error {
	interval := st.routers[0].Interval
	limit := st.routers[0].DownInterval(interval) + 20*time.Second
	err := peers.Await(st.b.ctx, limit, "the owner of "+st.subject.name+" alone has the address", func() bool {
		return st.owner.Holds(st.vip) && !st.heir.Holds(st.vip)
	})
	if err != nil {
		err = errors.Join(err, logs(st.lab))
	}
	if err == nil {
		err = st.b.wait(2*interval + 100*time.Millisecond)
	}
	return err
}

// logs are the ends of what a lab's programs said, as an error.
func logs(lab *netlab.Lab) error {
	var errs []error
	files, _ := filepath.Glob(filepath.Join(lab.Dir(), "*.log")) //nolint:errcheck // the pattern is good
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && len(text) > 0 {
			errs = append(errs, fmt.Errorf("%s: %s", filepath.Base(f), text[max(0, len(text)-2000):]))
		}
	}
	return errors.Join(errs...)
}

// restart ends the owner's daemon and starts it again.
func (st *stage) restart() error {
	if err := st.daemons[0].Stop(); err != nil {
		return err
	}
	return st.daemons[0].Start(st.b.ctx, st.owner, st.routers[0])
}

// wait lets time pass that belongs to what is measured.
func (b *bench) wait(d time.Duration) error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// theory is when the heir must take over by the protocol: a Skew_Time after a priority-0 advert of the owner, else an
// Active_Down_Interval after its last one. It is judged by the adverts before the heir's first one, which is returned with it.
func theory(frames []netlab.Frame, ownerMAC, heirMAC string, heir peers.Router) (due, first time.Time, ok bool) {
	var last time.Time
	var released bool
	for _, f := range frames {
		_, priority, isAdvert := f.VRRP()
		switch from := f.SourceMAC().String(); {
		case !isAdvert:
		case from == ownerMAC:
			last, released = f.Time, priority == 0
		case from == heirMAC && !last.IsZero():
			due = last.Add(heir.DownInterval(heir.Interval))
			if released {
				due = last.Add(heir.Skew(heir.Interval))
			}
			return due, f.Time, true
		}
	}
	return time.Time{}, time.Time{}, false
}
