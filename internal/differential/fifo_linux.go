// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// fifo is a named pipe that is always read.
type fifo struct {
	file *os.File
	mu   sync.Mutex
	text bytes.Buffer
}

func newFIFO(path string) (*fifo, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mkfifo(path, 0o622); err != nil {
		return nil, fmt.Errorf("make FIFO: %w", err)
	}
	// Open for both directions, so that it has a reader and a writer, whoever comes and goes.
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := &fifo{file: file}
	go f.read()
	return f, nil
}

func (f *fifo) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := f.file.Read(buffer)
		f.mu.Lock()
		f.text.Write(buffer[:n])
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (f *fifo) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.SplitAfter(f.text.String(), "\n")
	return all[:len(all)-1]
}
