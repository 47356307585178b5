// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"
	"time"
)

func TestWatchdogIsFedByHeartbeatsAndNotMoreOftenThanItNeeds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	none := feeder{}
	f := feeder{limit: time.Minute}
	fed := 0
	for range 600 { // a heartbeat each tenth of a second, for a minute
		if none.due(now) {
			t.Fatal("fed without a watchdog")
		}
		if f.due(now) {
			fed++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if fed != 4 {
		t.Errorf("fed %d times in a minute, want 4", fed)
	}
	if now = now.Add(time.Hour); !f.due(now) || f.due(now) {
		t.Error("after a silence the first heartbeat feeds, and not the second")
	}
}
