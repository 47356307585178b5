// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links a path may lead through.
const maxLinks = 40

// Write writes a file at once: a reader sees the old one or the whole new one. The file has mode 0600 whatever the umask is.
// What stands at path is replaced, a link too: it is not followed. A directory of the path may be a link only if root or this
// process's user made it: dumps go to /tmp by tradition, where anybody could leave one.
func Write(path string, content func(io.Writer) error) error {
	if err := write(path, content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func write(path string, content func(io.Writer) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dir, err := openDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unix.Close(dir) //nolint:errcheck // nothing was written
	name := filepath.Base(path)
	draft := "." + name + "." + rand.Text()
	fd, err := unix.Openat(dir, draft, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	err = fill(os.NewFile(uintptr(fd), draft), content)
	if err == nil {
		err = unix.Renameat(dir, draft, dir, name)
	}
	if err != nil {
		return errors.Join(err, unix.Unlinkat(dir, draft, 0))
	}
	return nil
}

func fill(f *os.File, content func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 64<<10)
	err := f.Chmod(0o600)
	if err == nil {
		err = content(b)
	}
	if err == nil {
		err = b.Flush()
	}
	return errors.Join(err, f.Close())
}

// openDir opens a directory by its absolute path, each step of it by itself.
func openDir(path string) (int, error) {
	dir, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	links := 0
	steps := strings.Split(path, "/")
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		if step == "" || step == "." {
			continue
		}
		next, err := unix.Openat(dir, step, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			unix.Close(dir) //nolint:errcheck // a path
			return -1, fmt.Errorf("%s: %w", step, err)
		}
		target, err := linkTarget(next, step)
		if err == nil && target != "" {
			unix.Close(next) //nolint:errcheck // a path
			next = dir       // where a relative target starts
			if links++; links > maxLinks {
				err = unix.ELOOP
			} else if strings.HasPrefix(target, "/") {
				next, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			}
			steps = append(strings.Split(target, "/"), steps...)
		}
		if next != dir {
			unix.Close(dir) //nolint:errcheck // a path
		}
		if err != nil {
			unix.Close(next) //nolint:errcheck // a path
			return -1, err
		}
		dir = next
	}
	return dir, nil
}

// linkTarget is where a link leads that may be followed. It is empty if fd is none.
func linkTarget(fd int, name string) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", nil
	}
	if st.Uid != 0 && int(st.Uid) != unix.Geteuid() {
		return "", fmt.Errorf("%s is a link that user %d made: it is not followed (remove it)", name, st.Uid)
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
