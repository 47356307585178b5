// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// What Tune sets.
const (
	spareProcessors   = 2         // beyond those there are
	minimumProcessors = 4         // on a machine with a single processor too
	collectPercent    = 200       // the heap triples between collections; it starts at 8 MiB
	memoryLimit       = 256 << 20 // a soft limit: beyond it the collector works harder
)

// Tune sets the Go runtime up for a process with a [Loop] in it (see the package documentation for why), and returns what undoes it. What
// an operator has set by GOMAXPROCS, GOGC or GOMEMLIMIT stays.
func Tune() (restore func()) {
	undo := []func(){}
	if os.Getenv("GOMAXPROCS") == "" {
		old := runtime.GOMAXPROCS(max(runtime.NumCPU()+spareProcessors, minimumProcessors))
		undo = append(undo, func() { runtime.GOMAXPROCS(old) })
	}
	if os.Getenv("GOGC") == "" {
		old := debug.SetGCPercent(collectPercent)
		undo = append(undo, func() { debug.SetGCPercent(old) })
	}
	if os.Getenv("GOMEMLIMIT") == "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		old := debug.SetMemoryLimit(memoryLimit)
		undo = append(undo, func() { debug.SetMemoryLimit(old) })
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}
