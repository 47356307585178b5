// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

// Pauses before a worker that crashed is started again.
const (
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
	backoffCalm  = time.Minute // a worker that lived so long begins anew
)

// backoff is the pause before the next start. The first crash costs none.
type backoff struct{ next time.Duration }

// after returns the pause after a worker that lived for so long.
func (b *backoff) after(lived time.Duration) time.Duration {
	if lived >= backoffCalm {
		b.next = 0
	}
	pause := b.next
	b.next = min(backoffMost, max(backoffFirst, 2*b.next))
	return pause
}
