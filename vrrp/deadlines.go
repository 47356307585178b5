// SPDX-License-Identifier: Apache-2.0

package vrrp

import "container/heap"

// deadlines is a heap of machines, the earliest first, and of several the first that was named: which of two addresses comes first
// on an interface should not be chance. Those that wait for nothing are not in it.
type deadlines []*machine

func (q deadlines) Len() int      { return len(q) }
func (q deadlines) Swap(i, j int) { q[i], q[j] = q[j], q[i]; q[i].index, q[j].index = i, j }

func (q deadlines) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].id < q[j].id
}

// Push is heap.Interface's.
func (q *deadlines) Push(x any) {
	m := x.(*machine)
	m.index = len(*q)
	*q = append(*q, m)
}

// Pop is heap.Interface's.
func (q *deadlines) Pop() any {
	old := *q
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	m.index = -1
	return m
}

// set puts a machine where its deadline belongs. A call may change the deadlines of a whole group: the heap goes by due, which
// changes here alone, since it can put right one machine at a time.
func (q *deadlines) set(m *machine) {
	m.due = m.next()
	switch {
	case m.due == Never:
		q.drop(m)
	case m.index < 0:
		heap.Push(q, m)
	default:
		heap.Fix(q, m.index)
	}
}

func (q *deadlines) drop(m *machine) {
	if m.index >= 0 {
		heap.Remove(q, m.index)
	}
}
