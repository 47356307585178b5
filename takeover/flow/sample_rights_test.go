// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// sampleWithout runs f while this thread lacks capabilities.
func sampleWithout(f func() error, capabilities []uint) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had, has [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return err
	}
	has = had
	for _, c := range capabilities {
		has[c/32].Effective &^= 1 << (c % 32)
	}
	if err := unix.Capset(&header, &has[0]); err != nil {
		return err
	}
	return errors.Join(f(), unix.Capset(&header, &had[0])) // they are permitted still
}

// Without the rights for BPF there are no sequence numbers, and a sentence that says what is missing.
func TestSampleFallsBackWithoutTheRights(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		without []uint
	}{
		{"no CAP_BPF", []uint{unix.CAP_BPF, unix.CAP_SYS_ADMIN}},
		{"no CAP_PERFMON", []uint{unix.CAP_PERFMON, unix.CAP_SYS_ADMIN}},
		{"none at all", []uint{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, a, b := samplePair(t)
			talks := sampleConnect(t, b, a, "::", "10.99.0.1", "fd99::1")
			var s *Sampler
			sampleMust(t, a.Do(func() error {
				return sampleWithout(func() (err error) {
					s, err = OpenSampler(slog.New(slog.DiscardHandler))
					return err
				}, test.without)
			}))
			defer s.Close()
			name, detail := s.Mechanism()
			if name != MechanismDiag || !strings.Contains(detail, "needs CAP_BPF and CAP_PERFMON") {
				t.Errorf("mechanism %s, %q", name, detail)
			}
			if diff := cmp.Diff(sampleFlows(talks...), sampleList(t, s, "10.99.0.1", "fd99::1"), sampleSame); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Once the kernel refuses the iterator, connections are listed without it.
func TestSampleFallsBackWhenTheIteratorIsTakenAway(t *testing.T) {
	t.Parallel()
	_, a, b := samplePair(t)
	talks := sampleConnect(t, b, a, "::", "10.99.0.1", "fd99::1")
	s := sampleOn(t, a, MechanismBPF, nil)
	want := sampleFlows(talks...)
	if diff := cmp.Diff(want, sampleList(t, s, "10.99.0.1", "fd99::1"), sampleSame); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	sampleMust(t, s.iter.addresses.Freeze()) // a change of the map is EPERM now
	if diff := cmp.Diff(want, sampleList(t, s, "10.99.0.1", "fd99::1", "10.99.0.2"), sampleSame); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
	if name, detail := s.Mechanism(); name != MechanismDiag || !strings.Contains(detail, unix.EPERM.Error()) {
		t.Errorf("mechanism %s, %q", name, detail)
	}
}

// Not parallel: it counts what the process has open, and its threads in the namespace.
func TestSampleLeavesNothingOpen(t *testing.T) {
	_, a, b := samplePair(t)
	sampleConnect(t, b, a, "::", "10.99.0.1", "fd99::1")
	inside, err := os.Stat(a.Path())
	sampleMust(t, err)
	process, err := os.Readlink("/proc/self/ns/net")
	sampleMust(t, err)
	open := func() (files, threads int) {
		names, err := filepath.Glob("/proc/self/fd/*")
		sampleMust(t, err)
		spaces, err := filepath.Glob("/proc/self/task/*/ns/net")
		sampleMust(t, err)
		for _, space := range spaces {
			if info, err := os.Stat(space); err == nil && os.SameFile(info, inside) {
				threads++
			}
		}
		return len(names), threads
	}
	for _, kind := range sampleKinds {
		t.Run(kind.name, func(t *testing.T) {
			once := func() *Sampler {
				var s *Sampler
				sampleMust(t, a.Do(func() (err error) {
					s, err = sampleOpen(slog.New(slog.DiscardHandler), kind.forbidden)
					return err
				}))
				sampleList(t, s, "10.99.0.1", "fd99::1")
				return s
			}
			sampleMust(t, once().Close()) // whatever is opened once in a process is open now
			s := once()
			if kind.name == MechanismBPF && s.space == nil {
				t.Skip("no iterator here")
			}
			_, with := open()
			sampleMust(t, s.Close())
			if kind.name == MechanismBPF { // otherwise this test sees no thread at all
				sampleUntil(t, "the thread has left", func() bool { _, now := open(); return now < with })
			}
			files, threads := open()
			for range 5 {
				s := once()
				if now, err := os.Readlink("/proc/self/ns/net"); err != nil || now != process {
					t.Errorf("the process moved from %s to %s, %v", process, now, err)
				}
				sampleMust(t, s.Close())
				sampleMust(t, s.Close())
			}
			var filesNow, threadsNow int
			defer func() {
				t.Logf("%d files were open and are %d, %d threads were inside and are %d", files, filesNow, threads, threadsNow)
			}()
			sampleUntil(t, "all is closed and no thread is left inside", func() bool {
				filesNow, threadsNow = open()
				return filesNow <= files && threadsNow <= threads
			})
		})
	}
}
