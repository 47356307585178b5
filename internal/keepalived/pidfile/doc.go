// SPDX-License-Identifier: Apache-2.0

// Package pidfile keeps the files that tell others who runs: where keepalived puts them, locked as it locks them.
//
//	paths := pidfile.Where{Instance: "blue"}.Paths()      // /run/keepalived/keepalived_blue.pid …
//	f, err := pidfile.Take(paths.Parent)                  // pidfile.ErrRunning: somebody else has it
//	err = f.Write(os.Getpid())
//	defer f.Remove()
//
// Two things say that a daemon runs: the lock of an open file description (F_OFD_SETLK) on its file, which ends with the
// process whatever became of the file, and, for releases of keepalived that do not lock, a living process of that name
// under the number in the file. A number that belongs to anybody else is left from an earlier life, for example of a container,
// and is overwritten.
package pidfile
