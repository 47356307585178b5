// SPDX-License-Identifier: Apache-2.0

package flow

import "time"

// Budget bounds the bytes that Sources send, all that share it together. It is used by one goroutine.
type Budget struct {
	rate, burst int
	left        int // below 0 after a message that was longer
	at          time.Duration
	begun       bool
}

// Defaults of a Budget: the connections of a node with 100,000 of them are told to one peer in a second, in less than a
// thirtieth of a link of 1 Gbit/s.
const (
	DefaultRate  = 4 << 20 // bytes per second
	DefaultBurst = 1 << 20 // bytes
)

// NewBudget makes a Budget of bytes per second, of which burst may go at once. 0 means the default.
func NewBudget(rate, burst int) *Budget {
	if rate <= 0 {
		rate = DefaultRate
	}
	if burst <= 0 {
		burst = DefaultBurst
	}
	return &Budget{rate: rate, burst: burst, left: burst}
}

// wait returns how long it takes until something may be sent.
func (b *Budget) wait(now time.Duration) time.Duration {
	if !b.begun || now < b.at {
		b.begun, b.at = true, now
	}
	// Whole bytes only, and no more time than fills the bucket: neither rounding nor long silence may count.
	if passed := now - b.at; passed >= time.Duration(b.burst-b.left)*time.Second/time.Duration(b.rate) {
		b.left, b.at = b.burst, now
	} else if gain := int(passed * time.Duration(b.rate) / time.Second); gain > 0 {
		b.left += gain
		b.at += time.Duration(gain) * time.Second / time.Duration(b.rate)
	}
	if b.left > 0 {
		return 0
	}
	return time.Duration(1-b.left)*time.Second/time.Duration(b.rate) + 1
}

func (b *Budget) spend(n int) { b.left -= n }
