// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/regent-ha/regent/vrrp"
)

func enter(id vrrp.ID, from, to vrrp.State, why vrrp.Reason) vrrp.Action {
	return vrrp.Action{ID: id, Kind: vrrp.Enter, From: from, To: to, Reason: why}
}

func TestBackupOnTheWayToAFaultIsLeftOut(t *testing.T) {
	const active, backup, initialize = vrrp.Active, vrrp.Backup, vrrp.Initialize
	for name, c := range map[string]struct{ acts, want []vrrp.Action }{
		"nothing": {},
		"a member of a group fails": {
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonSync), enter(1, active, initialize, vrrp.ReasonLink), enter(2, backup, initialize, vrrp.ReasonLink)},
			[]vrrp.Action{enter(1, active, initialize, vrrp.ReasonLink), enter(2, active, initialize, vrrp.ReasonSync)},
		},
		"the group is stopped": {
			[]vrrp.Action{enter(1, active, initialize, vrrp.ReasonShutdown), enter(2, active, backup, vrrp.ReasonSync), enter(2, backup, initialize, vrrp.ReasonShutdown)},
			[]vrrp.Action{enter(1, active, initialize, vrrp.ReasonShutdown), enter(2, active, backup, vrrp.ReasonSync), enter(2, backup, initialize, vrrp.ReasonShutdown)},
		},
		"it stays": {
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonSync)},
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonSync)},
		},
		"it is active again before": {
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonSync), enter(2, backup, active, vrrp.ReasonSync), enter(2, active, initialize, vrrp.ReasonLink)},
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonSync), enter(2, backup, active, vrrp.ReasonSync), enter(2, active, initialize, vrrp.ReasonLink)},
		},
		"it lost an election": {
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonHigherPriority), enter(2, backup, initialize, vrrp.ReasonLink)},
			[]vrrp.Action{enter(2, active, backup, vrrp.ReasonHigherPriority), enter(2, backup, initialize, vrrp.ReasonLink)},
		},
	} {
		if diff := cmp.Diff(c.want, straight(c.acts), cmpopts.EquateEmpty(), cmpopts.EquateComparable(vrrp.Action{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
