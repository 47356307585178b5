// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"os"
	"sync"
	"testing"
)

// TestSameAsKeepalived plays every case with keepalived and with the program under test.
func TestSameAsKeepalived(t *testing.T) {
	second := underTest(t)
	var mu sync.Mutex
	used := make([]int, len(Allowed()))
	played, whole := 0, cases(t)
	var all []Difference
	t.Run("cases", func(t *testing.T) {
		for _, c := range whole {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				rest, times, err := Review(compare(t, &c, Keepalived(), second), Allowed())
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				played++
				all = append(all, rest...)
				for i, n := range times {
					used[i] += n
				}
				mu.Unlock()
				if len(rest) > 0 {
					t.Errorf("%d differences\n%s", len(rest), Report("keepalived", second.Name, rest))
				}
			})
		}
	})
	if *report != "" {
		if err := os.WriteFile(*report, []byte(Report("keepalived", second.Name, all)), 0o644); err != nil {
			t.Error(err)
		}
	}
	if played < len(whole) || second.Name != "regent" {
		return
	}
	for i, a := range Allowed() {
		if used[i] == 0 {
			t.Errorf("no case needs this allowance any more: %+v", a)
		}
	}
}
