// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// errLoop: links that lead to each other.
var errLoop = errors.New("too many links")

// ErrUntrusted is wrapped in what [Inspect] says about a program that could be run, but that others may change.
var ErrUntrusted = errors.New("others could change what runs as root")

// untrusted is an ErrUntrusted in words that name the place.
type untrusted struct{ text string }

func (e untrusted) Error() string        { return e.text }
func (e untrusted) Is(target error) bool { return target == ErrUntrusted }

// Find returns the path of a program that may be given by its name alone, which is looked for in PATH.
func Find(program string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("program %q: it is not in PATH: write its whole path", program)
	}
	return filepath.Abs(path)
}

// Inspect says why a program must not be run by a user. For root, also through a set-user-id or set-group-id file: nobody else may be
// able to change it, which means that the file and every directory on the way to it, also of links, belong to root and cannot be
// written by others (a directory with the sticky bit may; group root may). For all: the file is there, and he may execute it.
//
// It looks at what is there now. It cannot know what others do between this and the start of the program; but whoever passes is
// not able to.
func Inspect(path string, user *User) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("program %q: want the whole path", path)
	}
	root := user == nil || user.UID == 0 || user.GID == 0
	info, err := walk(path, func(at string, s *unix.Stat_t) error {
		// What is a set-id file is known only at the end; for others than root the way does not matter.
		if !root {
			return nil
		}
		return trusted(at, s)
	})
	if err != nil {
		return fmt.Errorf("program %q: %w", path, err)
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("program %q: it is no file", path)
	}
	setID := info.Mode&unix.S_ISUID != 0 && info.Uid == 0 || info.Mode&unix.S_ISGID != 0 && info.Gid == 0
	if setID && !root {
		if _, err := walk(path, trusted); err != nil {
			return fmt.Errorf("program %q runs as root: %w", path, err)
		}
	}
	if !executable(info, user) {
		return fmt.Errorf("program %q: %s may not execute it", path, who(user))
	}
	return nil
}

func who(u *User) string {
	if u == nil {
		return "the daemon's user"
	}
	return fmt.Sprintf("uid %d gid %d", u.UID, u.GID)
}

// walk visits every component of a path, following links, and returns the file at its end.
func walk(path string, visit func(at string, s *unix.Stat_t) error) (*unix.Stat_t, error) {
	rest := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	at, links := "/", 0
	var s unix.Stat_t
	if err := unix.Lstat(at, &s); err != nil {
		return nil, err
	}
	if err := visit(at, &s); err != nil {
		return nil, err
	}
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		if err := unix.Lstat(next, &s); err != nil {
			return nil, &fs.PathError{Op: "look at", Path: next, Err: err}
		}
		if s.Mode&unix.S_IFMT == unix.S_IFLNK {
			if links++; links > 40 {
				return nil, errLoop
			}
			to, err := os.Readlink(next)
			if err != nil {
				return nil, err
			}
			// The directory that has the link was visited: who may not write there cannot change it.
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(strings.Trim(to, "/"), "/"), rest...)
			continue
		}
		if err := visit(next, &s); err != nil {
			return nil, err
		}
		at = next
	}
	return &s, nil
}

// trusted says whether others than root may change a file or what is in a directory.
func trusted(at string, s *unix.Stat_t) error {
	directory := s.Mode&unix.S_IFMT == unix.S_IFDIR
	sticky := directory && s.Mode&unix.S_ISVTX != 0
	switch {
	case s.Uid != 0:
		return untrusted{fmt.Sprintf("%s belongs to uid %d, who could change it: give it to root (chown root %s)", at, s.Uid, at)}
	case s.Mode&unix.S_IWOTH != 0 && !sticky:
		return untrusted{fmt.Sprintf("%s can be written by everybody: chmod o-w %s", at, at)}
	case s.Mode&unix.S_IWGRP != 0 && s.Gid != 0 && !sticky:
		return untrusted{fmt.Sprintf("%s can be written by group %d: chmod g-w %s", at, s.Gid, at)}
	}
	return nil
}

// executable says whether a user may execute a file.
func executable(s *unix.Stat_t, u *User) bool {
	if u == nil || u.UID == 0 {
		return s.Mode&0o111 != 0
	}
	bits := s.Mode
	switch {
	case u.UID == s.Uid:
		return bits&unix.S_IXUSR != 0
	case u.GID == s.Gid || inGroups(u.Groups, s.Gid):
		return bits&unix.S_IXGRP != 0
	}
	return bits&unix.S_IXOTH != 0
}

func inGroups(groups []uint32, g uint32) bool {
	for _, one := range groups {
		if one == g {
			return true
		}
	}
	return false
}
