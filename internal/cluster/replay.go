// SPDX-License-Identifier: Apache-2.0

package cluster

// window remembers which messages of a sender were taken: the newest incarnation, and the last 64 numbers of it.
type window struct {
	incarnation uint64
	highest     uint64
	seen        uint64 // bit i: highest − i was taken
}

// take reports whether a message is new, and remembers it.
func (w *window) take(incarnation, sequence uint64) bool {
	switch {
	case sequence == 0 || incarnation < w.incarnation:
		return false
	case incarnation > w.incarnation:
		*w = window{incarnation, sequence, 1}
		return true
	case sequence > w.highest:
		w.seen = w.seen<<min(64, sequence-w.highest) | 1
		w.highest = sequence
		return true
	}
	bit := w.highest - sequence
	if bit >= 64 || w.seen>>bit&1 == 1 {
		return false
	}
	w.seen |= 1 << bit
	return true
}

// newer reports whether (incarnation, sequence) is after that of the record held.
func newer(incarnation, sequence, heldIncarnation, heldSequence uint64) bool {
	return incarnation > heldIncarnation || incarnation == heldIncarnation && sequence > heldSequence
}
