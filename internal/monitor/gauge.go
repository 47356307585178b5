// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// Gauge is a measure of how busy this node is.
type Gauge struct {
	Kind    string // load, psi_cpu, psi_memory, psi_io, exec or file
	Command []string
	Path    string
}

// Measure reads a gauge: the load average of one minute divided by the number of CPUs, the share of the last ten seconds in
// percent in which something waited for a resource, or a number that a command prints or a file holds.
func Measure(ctx context.Context, g Gauge) (float64, error) {
	switch g.Kind {
	case "load":
		v, err := readNumber("/proc/loadavg")
		return v / float64(runtime.NumCPU()), err
	case "psi_cpu":
		return pressure("/proc/pressure/cpu")
	case "psi_memory":
		return pressure("/proc/pressure/memory")
	case "psi_io":
		return pressure("/proc/pressure/io")
	case "file":
		return readNumber(g.Path)
	case "exec":
		out, err := runCommand(ctx, g.Command, nil)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", g.Command[0], err)
		}
		v, err := parseNumber(out.Bytes())
		if err != nil {
			return 0, fmt.Errorf("%s: %w", g.Command[0], err)
		}
		return v, nil
	}
	return 0, fmt.Errorf("unknown measure %q", g.Kind)
}

func pressure(path string) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	v, err := parsePressure(b)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// parsePressure finds avg10 of the line "some" (Documentation/accounting/psi.rst).
func parsePressure(b []byte) (float64, error) {
	for line := range bytes.Lines(b) {
		words := bytes.Fields(line)
		if len(words) < 2 || string(words[0]) != "some" {
			continue
		}
		if text, ok := bytes.CutPrefix(words[1], []byte("avg10=")); ok {
			v, err := strconv.ParseFloat(string(text), 64)
			if err == nil && v >= 0 && v <= 100 {
				return v, nil
			}
		}
		break
	}
	return 0, errors.New("no average in it")
}
