// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

// Prometheus' own judge finds nothing to complain of on the page: names, units, help.
func TestPromtoolFindsNothingWrongWithThePage(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "promtool")
	text, _ := page(t, false, good)
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
