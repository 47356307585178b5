// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxSecret bounds a file with a secret.
const maxSecret = 64 << 10

// ReadSecret reads a file that holds a secret. It must be a regular file with mode 0600 or stricter that belongs to
// root or to the user who runs this.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO in the way must not hang the start
	if err != nil {
		return nil, reasonOf(err)
	}
	defer f.Close() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, reasonOf(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	if mode := info.Mode().Perm(); mode&^0o600 != 0 {
		return nil, fmt.Errorf("has mode %04o: others may read it (chmod 600)", mode)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := judgeOwner(int(stat.Uid), os.Geteuid()); err != nil {
			return nil, err
		}
	}
	if info.Size() > maxSecret {
		return nil, fmt.Errorf("is %d bytes long: a secret has %d at most", info.Size(), maxSecret)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return nil, reasonOf(err)
	}
	return data, nil
}

// judgeOwner refuses a secret that a third user can change.
func judgeOwner(owner, me int) error {
	if owner == 0 || owner == me {
		return nil
	}
	if me == 0 {
		return fmt.Errorf("belongs to user %d: it must belong to root (chown root)", owner)
	}
	return fmt.Errorf("belongs to user %d: it must belong to root or to user %d, who runs this (chown)", owner, me)
}
