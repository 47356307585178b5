// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// What happens to a file is known at once: here the interval is an hour.
func TestFilesAreFollowed(t *testing.T) {
	t.Parallel()
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		steps []func(dir string) // after each, the file holds its number
	}{
		"written and deleted": {[]func(string){
			func(d string) { must(os.WriteFile(d+"/file", []byte("1\n"), 0o644)) },
			func(d string) { must(os.WriteFile(d+"/file", []byte("2\n"), 0o644)) },
			func(d string) { must(os.Remove(d+"/file"), os.WriteFile(d+"/file", []byte("3\n"), 0o644)) },
		}},
		"replaced by rename": {[]func(string){
			func(d string) { must(os.WriteFile(d+"/new", []byte("1\n"), 0o644), os.Rename(d+"/new", d+"/file")) },
			func(d string) { must(os.WriteFile(d+"/new", []byte("2\n"), 0o644), os.Rename(d+"/new", d+"/file")) },
		}},
		"a link to the next set": {[]func(string){
			func(d string) {
				must(os.Mkdir(d+"/set1", 0o755), os.WriteFile(d+"/set1/file", []byte("1\n"), 0o644), os.Symlink("set1", d+"/data"), os.Symlink("data/file", d+"/file"))
			},
			func(d string) {
				must(os.Mkdir(d+"/set2", 0o755), os.WriteFile(d+"/set2/file", []byte("2\n"), 0o644), os.Symlink("set2", d+"/next"), os.Rename(d+"/next", d+"/data"))
			},
			func(d string) { must(os.WriteFile(d+"/set2/file", []byte("3\n"), 0o644)) },
		}},
		"a link elsewhere": {[]func(string){
			func(d string) {
				must(os.MkdirAll(d+"/else/where", 0o755), os.WriteFile(d+"/else/where/x", []byte("1\n"), 0o644), os.Symlink(d+"/else/where/x", d+"/file"))
			},
			func(d string) { must(os.WriteFile(d+"/else/where/x", []byte("2\n"), 0o644)) },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			dir := filepath.Join(base, "not", "there", "yet")
			m := newMonitor(t, Options{})
			m.Watch("s", []Check{{Kind: "number", Target: dir + "/file", Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}})
			holds := func(want float64) {
				t.Helper()
				for limit := time.After(10 * time.Second); ; {
					select {
					case r := <-m.Results():
						if r.Value == want {
							return
						}
					case <-limit:
						t.Fatalf("never %v", want)
					}
				}
			}
			holds(0)
			must(os.Mkdir(base+"/not", 0o755), os.MkdirAll(dir, 0o755))
			for i, step := range c.steps {
				step(dir)
				holds(float64(i + 1))
			}
			must(os.Remove(dir + "/file"))
			holds(0)
			must(os.RemoveAll(base+"/not"), os.MkdirAll(dir, 0o755), os.WriteFile(dir+"/file", []byte("9\n"), 0o644))
			holds(9)
			m.Forget("s")
			eventually(t, "watched no more", func() bool { m.files.mu.Lock(); defer m.files.mu.Unlock(); return len(m.files.ids) == 0 })
		})
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("in ten seconds never: %s", what)
		}
	}
}

func TestReadableIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ready")
	m := newMonitor(t, Options{})
	m.Watch("s", []Check{{Kind: "readable", Target: path, Interval: time.Hour, Timeout: time.Second, Rise: 1, Fall: 1}})
	if r := <-m.Results(); r.OK {
		t.Fatalf("%+v", r)
	}
	if err := os.Symlink("/dev/null", path); err != nil {
		t.Fatal(err)
	}
	if r := <-m.Results(); !r.OK {
		t.Fatalf("%+v", r)
	}
}

func TestEventsOfFilesAreRead(t *testing.T) {
	t.Parallel()
	got := parseFileEvents(nil, append(fileMessage(3, unix.IN_DELETE, "file"), fileMessage(-1, unix.IN_Q_OVERFLOW, "")...))
	want := []fileEvent{{3, unix.IN_DELETE, "file"}, {-1, unix.IN_Q_OVERFLOW, ""}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(fileEvent{})); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// fileMessage is an event as inotify writes it.
func fileMessage(id int32, mask uint32, name string) []byte {
	var b []byte
	for _, n := range []uint32{uint32(id), mask, 0, 0} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	if name != "" {
		padded := make([]byte, (len(name)+16)&^15)
		copy(padded, name)
		binary.NativeEndian.PutUint32(b[12:], uint32(len(padded)))
		b = append(b, padded...)
	}
	return b
}

func FuzzParseFileEvents(f *testing.F) {
	f.Add(append(fileMessage(3, unix.IN_DELETE, "file"), fileMessage(-1, unix.IN_Q_OVERFLOW, "")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if events := parseFileEvents(nil, b); len(events) > len(b)/fileEventHeader {
			t.Fatalf("%d events from %d octets", len(events), len(b))
		}
	})
}
