// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"testing"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover"
)

func TestALinkCountsWhenItsChangeHasLasted(t *testing.T) {
	t.Parallel()
	d := &Daemon{cfg: &conf.Config{Interfaces: map[string]conf.InterfaceDelay{"eth0": {Down: time.Hour, Up: 0}}}, steady: map[string]*steady{}, life: context.Background()}
	look := func(name string, up, want bool) {
		t.Helper()
		if got := d.steadied(takeover.LinkState{Name: name, Index: 1, Up: up}).Up; got != want {
			t.Errorf("%s, which is up: %v, counts as %v", name, up, got)
		}
	}
	look("eth0", true, true)
	look("eth0", false, true)
	look("eth0", false, true)
	d.steady["eth0"].since -= time.Hour
	look("eth0", false, false)
	look("eth0", true, true) // at once
	look("eth0", false, true)
	look("eth0", true, true)
	look("eth0", false, true) // it begins anew
	look("eth1", true, true)
	look("eth1", false, false)
	d.cfg = &conf.Config{}
	look("eth0", false, false) // a reload took the delay away
}
