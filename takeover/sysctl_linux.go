// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Settings below /proc/sys/net belong to a network namespace. The kernel looks the path up in that of the thread that
// opens it (there is no /proc/thread-self/sys, and none is needed), and an open file stays with the namespace that it
// was opened in, whichever thread writes to it later. So a setting is opened once and restored through the same file.

// PromoteSecondaries makes the kernel keep the other IPv4 addresses of a subnet when the first of them is deleted:
// without it, taking back the first of our addresses would take the host's own with it. It returns a function that
// restores the former value once everybody who asked for it on that link has called theirs. The calling thread has to
// be in the right network namespace; restore may be called from any.
//
// After a crash the setting stays on, and later runs find it on: harmless, and safer while leases run out.
func (k *Kernel) PromoteSecondaries(link string) (restore func() error, err error) {
	return k.settings.set(sysctlPath("ipv4", link, "promote_secondaries"), "1")
}

// Forwarding reports whether IPv6 packets that arrive on a link are forwarded. Then, and only then, the kernel says in
// its solicited advertisements that this host is a router, and [Announcement.Router] has to say the same: neighbours
// that hear of a router that is none any more drop the routes through it (RFC 4861 §7.2.5).
func Forwarding(link string) (bool, error) {
	b, err := os.ReadFile(sysctlPath("ipv6", link, "forwarding"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // no IPv6 there
	}
	return strings.TrimSpace(string(b)) != "0" && err == nil, err
}

func sysctlPath(family, link, name string) string {
	return "/proc/sys/net/" + family + "/conf/" + link + "/" + name
}

// settings are the values that were changed, by path.
type settings struct {
	mu      sync.Mutex
	changed map[string]*setting
}

// setting is a changed value.
type setting struct {
	file   *os.File // nil: it had that value at first
	former string
	users  int
}

// set writes a value, and returns what restores the former one when the last user calls it.
func (s *settings) set(path, value string) (restore func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := change(path, value)
	if err != nil {
		return func() error { return nil }, err
	}
	one, ok := s.changed[path]
	switch {
	case !ok:
		if s.changed == nil {
			s.changed = map[string]*setting{}
		}
		one = now
		s.changed[path] = one
	case now.file != nil: // the interface was made anew, or somebody has changed the value back
		if one.file != nil {
			err = one.file.Close()
		}
		one.file, one.former = now.file, now.former
	}
	one.users++
	return sync.OnceValue(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if one.users--; one.users > 0 {
			return nil
		}
		delete(s.changed, path)
		return one.restore(path)
	}), err
}

// change writes a value and keeps the file open.
func change(path, value string) (*setting, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", path, err)
	}
	b := make([]byte, 64)
	n, err := f.ReadAt(b, 0)
	if n == 0 && err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	former := strings.TrimSpace(string(b[:n]))
	if former == value {
		return &setting{}, f.Close()
	}
	if _, err := f.WriteAt([]byte(value), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("set %s: %w", path, err), f.Close())
	}
	return &setting{file: f, former: former}, nil
}

// restore writes the former value back. That the interface is gone, and its setting with it, is no error.
func (s *setting) restore(path string) error {
	if s.file == nil {
		return nil
	}
	_, err := s.file.WriteAt([]byte(s.former), 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("restore %s: %w", path, err)
	}
	return errors.Join(err, s.file.Close())
}

// errorPause is the least time between two ICMP errors to one host, in milliseconds: what the kernel calls ratelimit. Its
// default is 1000 for IPv4.
const errorPause = 10

// HastenErrors lets the kernel tell one client of more refused datagrams than one a second (after a burst of six): each of a
// resolver's questions has a socket of its own, which waits for an error of its own. The kernel's limit for all hosts together
// (icmp_msgs_per_sec) stays as it is. It returns a function that restores the former values; a namespace without IPv6 is no
// error. The calling thread has to be in the right network namespace; restore may be called from any.
func (k *Kernel) HastenErrors() (restore func() error, err error) {
	var restores []func() error
	var errs []error
	for _, path := range []string{"/proc/sys/net/ipv4/icmp_ratelimit", "/proc/sys/net/ipv6/icmp/ratelimit"} {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		now, bad := strconv.Atoi(strings.TrimSpace(string(b)))
		if err = errors.Join(err, bad); err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", path, err))
			continue
		}
		if now <= errorPause {
			continue
		}
		restore, err := k.settings.set(path, strconv.Itoa(errorPause))
		restores, errs = append(restores, restore), append(errs, err)
	}
	return func() error {
		var errs []error
		for _, restore := range restores {
			errs = append(errs, restore())
		}
		return errors.Join(errs...)
	}, errors.Join(errs...)
}
