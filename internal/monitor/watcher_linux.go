// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher tells of files that are made, written, replaced and deleted. It watches the directory of each, or the nearest one above it that
// there is, so that it does not matter whether the file is there. What it cannot see, such as another directory that is renamed into
// the place of one further up, is left to the checks' interval.
type watcher struct {
	log *slog.Logger

	mu     sync.Mutex
	tried  bool
	file   *os.File
	raw    syscall.RawConn
	files  map[*watched]struct{}
	ids    map[int32]bool // watch descriptors in use
	warned bool
}

// watched is a file.
type watched struct {
	path   string
	hurry  func()
	places []place
}

// place is a directory that is watched for a file, and what matters in it.
type place struct {
	id    int32 // watch descriptor
	names []string
}

// dirEvents are what may change what a reader of a file finds. A file that is made is written next, which is told when it is closed.
const dirEvents = unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ATTRIB |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

func newWatcher(log *slog.Logger) *watcher {
	return &watcher{log: log, files: map[*watched]struct{}{}, ids: map[int32]bool{}}
}

// add calls hurry when a file may have another content; the function that it returns ends that. The first one opens the watcher.
func (w *watcher) add(ctx context.Context, running *sync.WaitGroup, path string, hurry func()) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.tried {
		w.tried = true
		if err := w.open(); err != nil {
			w.log.Info("files are looked at each interval, as the kernel does not tell of them", "reason", err)
		} else {
			running.Go(func() { w.run(ctx) })
		}
	}
	f := &watched{path: filepath.Clean(path), hurry: hurry}
	w.files[f] = struct{}{}
	w.arm(f)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.files, f)
		w.sweep()
	}
}

func (w *watcher) open() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	w.file = os.NewFile(uintptr(fd), "inotify") //nolint:gosec // a descriptor
	w.raw, err = w.file.SyscallConn()
	return err
}

// arm watches the directories that a file depends on: its own, and that of what it is a link to. The watcher is locked.
func (w *watcher) arm(f *watched) {
	f.places = f.places[:0]
	if w.file == nil {
		return
	}
	w.reach(f, f.path)
	if link, err := os.Readlink(f.path); err == nil && !filepath.IsAbs(link) && len(f.places) > 0 {
		// A link through another one beside it, which is how sets of files are replaced at once.
		first, _, _ := strings.Cut(filepath.Clean(link), "/")
		f.places[0].names = append(f.places[0].names, first)
	}
	if target, err := filepath.EvalSymlinks(f.path); err == nil && target != f.path {
		w.reach(f, target)
	}
}

// reach watches a path's directory, or the nearest one above it that there is.
func (w *watcher) reach(f *watched, path string) {
	name := path
	for {
		dir := filepath.Dir(name)
		if id, ok := w.watch(dir); ok {
			f.places = append(f.places, place{id, []string{filepath.Base(name)}})
			break
		}
		if dir == name {
			return
		}
		name = dir
	}
	// What was missing may have been made before its parent was watched.
	for name != path {
		rest := strings.TrimPrefix(path[len(name):], "/")
		id, ok := w.watch(name)
		if !ok {
			return
		}
		next, _, _ := strings.Cut(rest, "/")
		f.places = append(f.places, place{id, []string{next}})
		name = filepath.Join(name, next)
	}
}

// watch watches a directory, and reports whether it can. The watcher is locked.
func (w *watcher) watch(dir string) (id int32, ok bool) {
	n, err := -1, error(nil)
	if control := w.raw.Control(func(fd uintptr) { n, err = unix.InotifyAddWatch(int(fd), dir, dirEvents) }); control != nil { //nolint:gosec // a descriptor
		return 0, false
	}
	if err != nil {
		if errors.Is(err, unix.ENOSPC) && !w.warned {
			w.warned = true
			w.log.Warn("files are looked at each interval, as the kernel watches no more of them: raise fs.inotify.max_user_watches", "directory", dir)
		}
		return 0, false
	}
	w.ids[int32(n)] = true //nolint:gosec // the kernel's are of 32 bits
	return int32(n), true  //nolint:gosec // likewise
}

// sweep ends the watching of directories that no file depends on. The watcher is locked.
func (w *watcher) sweep() {
	used := map[int32]bool{}
	for f := range w.files {
		for _, p := range f.places {
			used[p.id] = true
		}
	}
	for id := range w.ids {
		if !used[id] {
			w.raw.Control(func(fd uintptr) { unix.InotifyRmWatch(int(fd), uint32(id)) }) //nolint:errcheck,gosec // it may be gone already
			delete(w.ids, id)
		}
	}
}

// run reads events until ctx ends.
func (w *watcher) run(ctx context.Context) {
	defer w.file.Close() //nolint:errcheck // nothing is pending
	defer context.AfterFunc(ctx, func() { w.file.Close() })()
	buf := make([]byte, 16<<10)
	var events []fileEvent
	for ctx.Err() == nil {
		n, err := w.file.Read(buf)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, os.ErrClosed) {
				w.log.Warn("files are looked at each interval, as the kernel no longer tells of them", "reason", err)
			}
			return
		}
		events = parseFileEvents(events[:0], buf[:n])
		w.tell(events)
	}
}

// tell hurries those whose file may have changed.
func (w *watcher) tell(events []fileEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	touched := map[*watched]bool{}
	for _, e := range events {
		for f := range w.files {
			if e.mask&unix.IN_Q_OVERFLOW != 0 || f.concerns(e) {
				touched[f] = true
			}
		}
		if e.mask&unix.IN_IGNORED != 0 {
			delete(w.ids, e.id)
		}
	}
	for f := range touched {
		w.arm(f) // directories may have come and gone
		f.hurry()
	}
	if len(touched) > 0 {
		w.sweep()
	}
}

// concerns reports whether an event is about a file, or about what leads there.
func (f *watched) concerns(e fileEvent) bool {
	for _, p := range f.places {
		if p.id == e.id && (e.name == "" || slices.Contains(p.names, e.name) && !e.empty(f.path)) {
			return true
		}
	}
	return false
}

// empty reports whether an event is about a file that was made just now: what is in it is told when it is closed.
func (e fileEvent) empty(path string) bool {
	if e.mask&unix.IN_CREATE == 0 {
		return false
	}
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && e.name == filepath.Base(path)
}
