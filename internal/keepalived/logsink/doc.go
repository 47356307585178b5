// SPDX-License-Identifier: Apache-2.0

// Package logsink takes records of log/slog to where keepalived's flags send its log: syslog (unless -G), standard error
// (-l) and a file (-g).
//
//	h := logsink.New(slog.LevelInfo, event.KeepalivedLines, logsink.NewConsole(os.Stderr), logsink.NewSyslog("Keepalived", 3))
//	log := slog.New(h)
//
// A record becomes one or more lines by a function that the caller gives, and each [Sink] writes a line in its own way: as
// RFC 3164 has it with the local syslog, after the date elsewhere. A sink that fails is left out for that line; when syslogd
// is started again, its socket is opened again.
package logsink
