// SPDX-License-Identifier: Apache-2.0

package logsink

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// File is a [Console] that writes to a file of its own.
type File struct {
	*Console
	f *os.File
}

// OpenFile opens a log file for appending, with mode 0600 if it is new. A link in its place is not followed: the file may be in
// /tmp.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("log file %s: it is a symbolic link, which is not followed (remove it)", path)
	}
	if err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	return &File{NewConsole(io.Writer(f)), f}, nil
}

// Close implements [Sink].
func (f *File) Close() error { return f.f.Close() }
