// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// watchEvery is how often the kernels are asked.
const watchEvery = 25 * time.Millisecond

// Watcher asks the kernel of each node again and again which of the addresses it holds.
type Watcher struct {
	addresses []netip.Addr
	kernels   map[string]*netlink.Handle

	mu      sync.Mutex
	dead    map[string]bool
	samples []Sample
	err     error
}

// NewWatcher opens the nodes' kernels.
func NewWatcher(addresses []netip.Addr, nodes ...*netlab.Node) (*Watcher, error) {
	w := &Watcher{addresses: addresses, kernels: map[string]*netlink.Handle{}, dead: map[string]bool{}}
	for _, n := range nodes {
		err := n.Do(func() error {
			h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return fmt.Errorf("open netlink on node %s: %w", n.Name(), err)
			}
			w.kernels[n.Name()] = h
			return nil
		})
		if err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

// Run samples until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.close()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.sample()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Killed says that the node's daemon was killed, or with false that it was started again.
func (w *Watcher) Killed(node string, killed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[node] = killed
}

// Samples returns what was seen so far, and the first error.
func (w *Watcher) Samples() ([]Sample, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.samples[:len(w.samples):len(w.samples)], w.err
}

// Last returns the newest sample.
func (w *Watcher) Last() Sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.samples) == 0 {
		return Sample{}
	}
	return w.samples[len(w.samples)-1]
}

func (w *Watcher) sample() {
	w.mu.Lock()
	dead := maps.Clone(w.dead)
	w.mu.Unlock()
	s := Sample{At: time.Now(), Held: map[string]int{}, Left: map[string]int{}}
	var failure error
	for node, kernel := range w.kernels {
		n, err := w.count(kernel)
		if err != nil && failure == nil {
			failure = fmt.Errorf("node %s: %w", node, err)
		}
		if dead[node] {
			s.Left[node] = n
		} else {
			s.Held[node] = n
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = failure
	}
	w.samples = append(w.samples, s)
}

// count returns how many of the addresses the kernel answers for: those on an interface with carrier.
func (w *Watcher) count(kernel *netlink.Handle) (int, error) {
	list, err := kernel.AddrList(nil, unix.AF_UNSPEC)
	for range 3 {
		if !errors.Is(err, netlink.ErrDumpInterrupted) { // changed meanwhile
			break
		}
		list, err = kernel.AddrList(nil, unix.AF_UNSPEC)
	}
	if err != nil {
		return 0, fmt.Errorf("list addresses: %w", err)
	}
	n := 0
	for _, a := range list {
		addr, _ := netip.AddrFromSlice(a.IP)
		for _, want := range w.addresses {
			if addr.Unmap() == want && carrier(kernel, a.LinkIndex) {
				n++
			}
		}
	}
	return n, nil
}

// carrier reports whether the interface is up and has a carrier. An interface that is gone has none.
func carrier(kernel *netlink.Handle, index int) bool {
	link, err := kernel.LinkByIndex(index)
	return err == nil && link.Attrs().RawFlags&(unix.IFF_UP|unix.IFF_LOWER_UP) == unix.IFF_UP|unix.IFF_LOWER_UP
}

func (w *Watcher) close() {
	for _, k := range w.kernels {
		k.Close()
	}
}
