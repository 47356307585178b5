// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"strings"
	"testing"
)

func TestTheSameNumbersGiveTheSameFile(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for seed := range uint64(100) {
		text := File(Seeded(seed), []string{"eth0", "eth1"})
		if again := File(Seeded(seed), []string{"eth0", "eth1"}); again != text {
			t.Fatalf("seed %d: another file the second time", seed)
		}
		seen[text] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d files of 100 seeds", len(seen))
	}
	if text := File(Bytes(nil), []string{"eth0"}); !strings.Contains(text, "vrrp_instance VI_0 {") {
		t.Errorf("without numbers:\n%s", text)
	}
}
