// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPausesGrow(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 30} {
		if got := b.after(59 * time.Second); got != want*time.Second {
			t.Errorf("crash %d: %s, want %s", i, got, want*time.Second)
		}
	}
}

func TestCalmWorkerBeginsAnew(t *testing.T) {
	var b backoff
	for range 10 {
		b.after(0)
	}
	for i, want := range []time.Duration{0, 1, 2} {
		lived := time.Duration(0)
		if i == 0 {
			lived = backoffCalm
		}
		if got := b.after(lived); got != want*time.Second {
			t.Errorf("crash %d after a calm life: %s, want %s", i, got, want*time.Second)
		}
	}
}

// No history leads beyond the bounds, and none but a calm one to a shorter pause.
func TestPausesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b backoff
		before := time.Duration(0)
		for _, lived := range rapid.SliceOf(rapid.Int64Range(0, int64(2*backoffCalm))).Draw(t, "lives") {
			got := b.after(time.Duration(lived))
			switch {
			case time.Duration(lived) >= backoffCalm && got != 0:
				t.Errorf("%s after a calm life, want none", got)
			case time.Duration(lived) < backoffCalm && got < before:
				t.Errorf("%s after %s", got, before)
			case got > backoffMost || got > 0 && got < backoffFirst:
				t.Errorf("%s, want none or %s to %s", got, backoffFirst, backoffMost)
			}
			before = got
		}
	})
}
