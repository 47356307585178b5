// SPDX-License-Identifier: Apache-2.0

package keepalived

import "io/fs"

// Options is what a configuration depends on beside its text. The zero value reads nothing but the main file's words:
// Files must be given.
type Options struct {
	// Files is the file system from its root: os.DirFS("/"), or a map for tests. Files are read through it alone.
	Files fs.FS

	// Dir is the directory that a relative name of the main file starts from, "/" if empty.
	Dir string

	// ConfigID decides the lines that begin with @: -i, by default the host name up to its first dot.
	ConfigID string

	// Host is the machine's name, the default of router_id.
	Host string

	// Env looks up ${_ENV NAME}. Without it, there is no environment.
	Env func(name string) (value string, found bool)

	// Seed begins the numbers of ${_RANDOM}, unless random_seed does.
	Seed uint64

	// IncludeAll makes each include that finds nothing an error: -e.
	IncludeAll bool
}

// The bounds of what is read. Each is far above what a configuration of the largest allowed size (255 routers on each of
// 4094 VLANs) would need if it were reasonable, and stops one that is not.
const (
	maxLine     = 1023      // keepalived's own: a longer line is ignored
	maxFile     = 32 << 20  // bytes of one file
	maxFiles    = 4096      // files opened
	maxNesting  = 32        // files within files
	maxLines    = 1_500_000 // lines after all that definitions and sequences make of them
	maxText     = 64 << 20  // bytes of those lines
	maxExpanded = 64 << 10  // bytes of one line
	maxNames    = 1000      // names looked up in one line
	maxDepth    = 64        // definitions within definitions, blocks within blocks
)

// budget is what is left of the bounds.
type budget struct {
	files int
	lines int
	text  int
}
