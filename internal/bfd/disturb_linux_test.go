// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"runtime"
	"sync"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

// What the rest of a daemon does is no reason to fall silent: here it collects garbage without end, asks for the status, and does
// not read changes.
func TestTheRestOfTheProcessDoesNotDisturbSessions(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a, b := newNode(t, lab, "a", "10.99.0.1/24"), newNode(t, lab, "b", "10.99.0.2/24")
	one, two := speak(t, a, paced(Config{Neighbor: addr("10.99.0.2")})), speak(t, b, paced(Config{Neighbor: addr("10.99.0.1")}))
	for _, s := range []*side{one, two} {
		eventually(t, "up, at its pace", func() bool { st := s.session(); return st.State == Up && st.DetectionTime == detect })
	}
	before := one.session()
	stop := make(chan struct{})
	var busy sync.WaitGroup
	defer busy.Wait()
	busy.Go(func() {
		var live [][]byte
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if live = append(live, make([]byte, 1<<16)); len(live) > 256 {
				live = nil
			}
			if i%64 == 0 {
				runtime.GC()
			}
			one.Status()
		}
	})
	var after SessionStatus
	eventually(t, "twenty packets are heard", func() bool { after = one.session(); return after.Received >= before.Received+20 })
	close(stop)
	if after.Downs > before.Downs || two.session().Downs > 0 {
		t.Errorf("sessions went down: %+v, %+v", after, two.session())
	}
	if sent := after.Sent - before.Sent; sent < 12 || sent > 40 {
		t.Errorf("%d packets sent for 20 heard", sent)
	}
}
