// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"os"
	"testing"
	"time"
)

func TestUsageReadsTheKernelsLine(t *testing.T) {
	line := "42 (a b) c) S 1 42 42 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 9 0 100 2000000 250 18446744073709551615 1 1\n"
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Usage{CPU: 2 * time.Second, Resident: 250 * int64(os.Getpagesize())}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	for _, bad := range []string{"", "42 (a) S 1", "42 a S"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	got, err := UsageOf([]int{os.Getpid(), 1 << 30})
	if err != nil || got.Resident == 0 || got.CPU < 0 || got.CPU > time.Hour {
		t.Errorf("want some memory and time, got %+v, %v", got, err)
	}
}
