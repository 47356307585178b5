// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// Heirs learn of a shorter interval with the next advert. One that is released before waits as long as they need.
func TestReleaseRightAfterReloadWaitsByTheOldInterval(t *testing.T) {
	t.Parallel()
	r := NewRouter()
	c := Config{Family: IPv4, VRID: 51, Version: 3, Priority: Owner, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.51")}}
	if err := r.Add(1, c); err != nil {
		t.Fatal(err)
	}
	r.Up(0, 1, Link{Interface: 1, Source: netip.MustParseAddr("10.0.0.1")}, nil)
	c.Interval = 10 * time.Millisecond
	now := Time(100 * time.Millisecond)
	r.Update(now, 1, c, nil)
	r.Release(now, 1, nil)
	if got, least := r.Deadline().Sub(now), 3*time.Second; got < least {
		t.Errorf("waits %s for an heir, want at least %s", got, least)
	}
	if got := r.Expire(r.Deadline(), nil); len(got) != 1 || got[0].Kind != Inherited || got[0].Reason != ReasonTimeout {
		t.Errorf("after that it does %+v, want to be done", got)
	}
}
