// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A verdict turns only if what was looked at was the same for as long as is wanted, and then at the time that was said before.
func TestPatienceIsAsLongAsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delay := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 5).Draw(t, "delay")) * time.Second
		})
		p := patience{up: delay.Draw(t, "up"), down: delay.Draw(t, "down")}
		now := time.Unix(1000, 0)
		held, _ := p.settle(rapid.Bool().Draw(t, "first"), now)
		since := now // of what is looked at
		last := held
		for range 30 {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "milliseconds")) * time.Millisecond)
			is := rapid.Bool().Draw(t, "is")
			if is != last {
				last, since = is, now
			}
			wait := p.down
			if is {
				wait = p.up
			}
			got, again := p.settle(is, now)
			want := held
			if is != held && now.Sub(since) >= wait {
				want = is
			}
			if got != want {
				t.Fatalf("at %v, %v since %v: %v, want %v", now, is, since, got, want)
			}
			if pending := is != got; pending != (again > 0) || pending && again != max(time.Millisecond, since.Add(wait).Sub(now)) {
				t.Fatalf("again in %v", again)
			}
			held = got
		}
	})
}
