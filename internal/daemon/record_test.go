// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/takeover"
)

func TestRecordIsReadBackAsItWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if got, err := readRecord(dir); got != nil || err != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	want := []takeover.Record{{Prefix: netip.MustParsePrefix("10.0.0.101/24"), Interface: "eth0", Leased: true}}
	r := newRecorder(dir, recordName, func(err error) { t.Error(err) })
	r.write([]takeover.Record{{Prefix: netip.MustParsePrefix("10.0.0.99/24"), Interface: "eth0"}})
	r.write(want)
	r.close()
	got, err := readRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestRecordThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, nil, 0o644); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	said := 0
	r := newRecorder(dir, recordName, func(error) { said++ })
	r.write(nil)
	r.close()
	if said != 1 {
		t.Errorf("said %d times, want once", said)
	}
}

func TestBrokenRecordIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, recordName), []byte("[{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord(dir); err == nil {
		t.Error("a broken record is no error")
	}
}
