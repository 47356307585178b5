// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

// feeder feeds the watchdog of the service manager (sd_watchdog_enabled(3)) by the heartbeats of workers, which leave while the
// protocol loop goes round and wakes in time. A worker that has died is not fed for, nor the pause before the next one.
type feeder struct {
	limit time.Duration // how long the manager waits; 0: there is none
	last  time.Time
}

// due reports, at a heartbeat, whether the watchdog is to be fed: four times within its limit is enough.
func (f *feeder) due(now time.Time) bool {
	if f.limit <= 0 || now.Sub(f.last) < f.limit/4 {
		return false
	}
	f.last = now
	return true
}
