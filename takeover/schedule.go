// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"container/heap"
	"net/netip"
	"time"
)

// Policy says how often an address is announced. Zero values: once, and never again.
type Policy struct {
	Repeat        int           // announcements at once, and again after Delay; less than 1 means 1
	Delay         time.Duration // after this the same number again; 0: not
	Refresh       time.Duration // from then on every so often; 0: never
	RefreshRepeat int           // announcements in a refresh; less than 1 means 1
	Interval      time.Duration // between two announcements on the same link at least
	// Fresh is within what time the right to announce must have been confirmed; see [Announcer.Confirm]. 0: it need not.
	Fresh time.Duration
}

// place is where an address is announced.
type place struct {
	address netip.Addr
	link    int
}

// announced is an address with the announcements that are still to come. It is in one heap, unless it was taken.
type announced struct {
	Announcement
	policy Policy
	start  time.Time
	sent   int    // announcements of both sets that left
	fresh  int    // announcements in refreshes that left
	frame  []byte // built when first sent

	due   time.Time
	rank  int // what leaves first of all that is due: the n-th announcement of an address before any (n+1)-th
	order int // as started

	heap     heap.Interface // nil while taken
	position int
}

// rankRefresh comes after all announcements of addresses that are new.
const rankRefresh = 1 << 30

// advance sets when the next announcement is due, and how urgent it is; ok is false after the last.
func (a *announced) advance(now time.Time) (ok bool) {
	repeat := max(a.policy.Repeat, 1)
	sets := repeat
	if a.policy.Delay > 0 {
		sets += repeat
	}
	if a.sent < sets {
		a.due, a.rank = a.start, a.sent
		if a.sent >= repeat {
			a.due = a.start.Add(a.policy.Delay)
		}
		return true
	}
	if a.policy.Refresh <= 0 {
		return false
	}
	again := a.fresh % max(a.policy.RefreshRepeat, 1)
	a.rank = rankRefresh + again
	if again == 0 {
		// At whole multiples of Refresh after the start: no drift, and those that were missed are left out.
		n := now.Sub(a.start)/a.policy.Refresh + 1
		a.due = a.start.Add(n * a.policy.Refresh)
	}
	return true
}

// count notes that an announcement left.
func (a *announced) count() {
	if a.rank >= rankRefresh {
		a.fresh++
	} else {
		a.sent++
	}
}

// schedule decides which announcement leaves when. It is a plain value: time is an argument.
type schedule struct {
	places map[place]*announced
	links  map[int]*queue
	order  int
}

// queue holds the announcements of one link.
type queue struct {
	waiting dueHeap  // not due yet
	ready   rankHeap // due
	free    time.Time
}

// start begins the announcements of addresses, from the first again for those that were known.
func (s *schedule) start(now time.Time, as []Announcement, p Policy) {
	if s.places == nil {
		s.places, s.links = map[place]*announced{}, map[int]*queue{}
	}
	for _, a := range as {
		a.Address = a.Address.WithZone("").Unmap()
		if !a.Address.IsValid() || a.HardwareAddr == (MAC{}) || a.Link <= 0 {
			continue
		}
		s.stop(a)
		s.order++
		entry := &announced{Announcement: a, policy: p, start: now, order: s.order}
		s.places[place{a.Address, a.Link}] = entry
		s.push(now, entry)
	}
}

// stop ends the announcements of an address.
func (s *schedule) stop(a Announcement) {
	p := place{a.Address.WithZone("").Unmap(), a.Link}
	entry, ok := s.places[p]
	if !ok {
		return
	}
	delete(s.places, p)
	if entry.heap != nil {
		heap.Remove(entry.heap, entry.position)
	}
	if q := s.links[p.link]; q.waiting.Len()+q.ready.Len() == 0 {
		delete(s.links, p.link)
	}
}

// push puts an entry where its next announcement belongs, or forgets it after the last.
func (s *schedule) push(now time.Time, a *announced) {
	if !a.advance(now) {
		delete(s.places, place{a.Address, a.Link})
		return
	}
	q := s.links[a.Link]
	if q == nil {
		q = &queue{}
		s.links[a.Link] = q
	}
	if a.due.After(now) {
		heap.Push(&q.waiting, a)
	} else {
		heap.Push(&q.ready, a)
	}
}

// take returns the announcement that has to leave now, if any. The caller tells what became of it: sent or failed.
func (s *schedule) take(now time.Time) *announced {
	var best *queue
	for _, q := range s.links {
		q.ripen(now)
		if q.ready.Len() == 0 || q.free.After(now) {
			continue
		}
		if best == nil || earlier(q.ready.list[0], best.ready.list[0]) {
			best = q
		}
	}
	if best == nil {
		return nil
	}
	return heap.Pop(&best.ready).(*announced)
}

// sent notes that an announcement left.
func (s *schedule) sent(now time.Time, a *announced) {
	s.links[a.Link].free = now.Add(a.policy.Interval)
	a.count()
	s.push(now, a)
}

// failed notes that an announcement could not leave: its link rests for a while, then it is tried again.
func (s *schedule) failed(now time.Time, a *announced, rest time.Duration) {
	q := s.links[a.Link]
	q.free = now.Add(rest)
	heap.Push(&q.ready, a)
}

// deadline returns when there is something to do next; ok is false if never.
func (s *schedule) deadline() (t time.Time, ok bool) {
	for _, q := range s.links {
		d, some := q.next()
		if some && (!ok || d.Before(t)) {
			t, ok = d, true
		}
	}
	return t, ok
}

// ripen moves what is due to the ready ones.
func (q *queue) ripen(now time.Time) {
	for q.waiting.Len() > 0 && !q.waiting.list[0].due.After(now) {
		heap.Push(&q.ready, heap.Pop(&q.waiting))
	}
}

// next returns when the queue has something to do.
func (q *queue) next() (t time.Time, ok bool) {
	if q.waiting.Len() > 0 {
		t, ok = q.waiting.list[0].due, true
		if t.Before(q.free) {
			t = q.free
		}
	}
	if q.ready.Len() > 0 && (!ok || q.free.Before(t)) {
		t, ok = q.free, true
	}
	return t, ok
}

// earlier reports whether a leaves before b when both are due.
func earlier(a, b *announced) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.order < b.order
}

// entries is what both heaps have in common: an entry knows where it is.
type entries struct{ list []*announced }

func (h *entries) Len() int { return len(h.list) }

func (h *entries) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].position, h.list[j].position = i, j
}

func (h *entries) push(a *announced, into heap.Interface) {
	a.heap, a.position = into, len(h.list)
	h.list = append(h.list, a)
}

// Pop is for package heap.
func (h *entries) Pop() any {
	last := len(h.list) - 1
	a := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	a.heap = nil
	return a
}

// dueHeap has on top what is due first.
type dueHeap struct{ entries }

func (h *dueHeap) Less(i, j int) bool { return h.list[i].due.Before(h.list[j].due) }

// Push is for package heap.
func (h *dueHeap) Push(x any) { h.push(x.(*announced), h) }

// rankHeap has on top what leaves first.
type rankHeap struct{ entries }

func (h *rankHeap) Less(i, j int) bool { return earlier(h.list[i], h.list[j]) }

// Push is for package heap.
func (h *rankHeap) Push(x any) { h.push(x.(*announced), h) }
