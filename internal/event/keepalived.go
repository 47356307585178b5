// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Keepalived writes records as keepalived writes its log to a terminal: the date, then the very lines for changes of state and
// elections that people's alert rules look for. Records that keepalived has no line for are their sentence.
type Keepalived struct {
	level slog.Leveler
	attrs []slog.Attr
	out   *lockedWriter
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// NewKeepalived returns a handler that writes records of a level and above.
func NewKeepalived(w io.Writer, level slog.Leveler) *Keepalived {
	return &Keepalived{level: level, out: &lockedWriter{w: w}}
}

// Enabled implements slog.Handler.
func (k *Keepalived) Enabled(_ context.Context, l slog.Level) bool { return l >= k.level.Level() }

// WithAttrs implements slog.Handler.
func (k *Keepalived) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Keepalived{k.level, append(slices.Clip(k.attrs), attrs...), k.out}
}

// WithGroup implements slog.Handler. The lines have no place for groups.
func (k *Keepalived) WithGroup(string) slog.Handler { return k }

// Handle implements slog.Handler.
func (k *Keepalived) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{}
	for _, a := range k.attrs {
		fields[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.String()
		return true
	})
	var b strings.Builder
	for _, line := range KeepalivedLines(r.Message, fields) {
		// A line end in a foreign word would forge a line.
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, line)
		b.WriteString(r.Time.Format(time.ANSIC) + ": " + line + "\n")
	}
	k.out.mu.Lock()
	defer k.out.mu.Unlock()
	_, err := io.WriteString(k.out.w, b.String())
	return err
}

// KeepalivedLines are the lines for a record with this message and these fields.
func KeepalivedLines(message string, fields map[string]string) []string {
	return keepalivedLines(message, fields, false)
}

// KeepalivedDetail is [KeepalivedLines] with those that keepalived writes with its option -D only.
func KeepalivedDetail(message string, fields map[string]string) []string {
	return keepalivedLines(message, fields, true)
}

func keepalivedLines(message string, fields map[string]string, detail bool) (lines []string) {
	name := "(" + fields["service"] + ") "
	add := func(text string) { lines = append(lines, name+text) }
	more := func(text string) {
		if detail {
			add(text)
		}
	}
	wasActive := fields["from"] == "active"
	moves := strings.Fields(fields["moves"])
	remove := func(initial bool) {
		for _, text := range removing(moves, initial) {
			more(text)
		}
	}
	if fields["waits"] == "true" { // for the first results of checks
		remove(true)
		return lines
	}
	switch fields["event"] {
	case Active.String():
		if fields["initial"] == "true" { // an owner
			remove(true)
		}
		more("Receive advertisement timeout")
		add("Entering MASTER STATE")
		for _, text := range setting(moves) {
			more(text)
		}
		return lines
	case HoldingsChanged.String():
		for _, text := range setting(moves) {
			more(text)
		}
		return lines
	case Backup.String():
		switch {
		case !wasActive && fields["initial"] == "true":
			if fields["added"] != "true" {
				remove(true)
			}
			add("Entering BACKUP STATE (init)")
			return lines
		case wasActive && fields["peer"] != "" && fields["peer_priority"] == fields["priority"]:
			add(fmt.Sprintf("Master received advert from %s with same priority %s but higher IP address than ours", fields["peer"], fields["peer_priority"]))
		case wasActive && fields["peer"] != "":
			add(fmt.Sprintf("Master received advert from %s with higher priority %s, ours %s", fields["peer"], fields["peer_priority"], fields["priority"]))
		}
		add("Entering BACKUP STATE")
		if wasActive {
			remove(false)
		}
		return lines
	case Initialize.String():
		if fields["planned"] != "true" {
			add("Entering FAULT STATE")
		}
		if wasActive {
			if fields["synced"] != "true" {
				more("sent 0 priority")
			}
			remove(false)
		}
		return lines
	case LinkLost.String():
		lines = append(lines, message)
		switch fields["fault"] {
		case "initial":
			remove(true)
			add("Entering FAULT STATE (init)")
		case "check":
			lines = append(lines[:len(lines)-1], faultLines(fields)...)
			if fields["kind"] != "bfd" {
				add("entering FAULT state")
			}
			remove(true)
		}
		return lines
	case SessionUp.String(), SessionDown.String():
		return sessionLines(fields, detail)
	case CheckFailed.String(), CheckPassed.String():
		return checkLines(fields)
	case CheckKept.String():
		return keptLines(fields)
	case Priority.String():
		if fields["reload"] == "true" {
			return nil // what is in force after all is told then
		}
		add(fmt.Sprintf("Changing effective priority from %s to %s", fields["from"], fields["priority"]))
		return lines
	case ActiveReleases.String():
		more("Backup received priority 0 advertisement")
		return lines
	case PreemptPending.String():
		if wait, err := time.ParseDuration(fields["delay"]); err == nil {
			more(fmt.Sprintf("start preempt delay (%f)", wait.Seconds()))
		} else {
			add(fmt.Sprintf("received lower priority (%s) advert from %s - discarding", fields["peer_priority"], fields["peer"]))
		}
		return lines
	case AdvertDiscarded.String():
		from, err1 := time.ParseDuration(fields["from"])
		to, err2 := time.ParseDuration(fields["interval"])
		if err1 == nil && err2 == nil {
			add(fmt.Sprintf("advertisement interval updated from %dms to %dms by master", from.Milliseconds(), to.Milliseconds()))
			return lines
		}
	case SplitHealed.String():
		line := fmt.Sprintf("Received advert from %s with lower priority %s, ours %s", fields["peer"], fields["peer_priority"], fields["priority"])
		if fields["answered"] != "false" {
			line += ", forcing new election"
		}
		add(line)
		return lines
	case GroupMoved.String():
		if fields["initial"] == "true" && fields["state"] == "BACKUP" {
			return nil
		}
		return []string{fmt.Sprintf("VRRP_Group(%s) Syncing instances to %s state", fields["group"], fields["state"])}
	case HandedOver.String(), LinkReady.String(), DutyChanged.String():
		return nil // keepalived has nothing of the kind
	case Started.String():
		return []string{"Startup complete"}
	case Stopping.String():
		return []string{"Stopping"}
	case Stopped.String():
		return []string{"Stopped Regent"}
	case Reloaded.String():
		return []string{"Reload complete"}
	}
	if e := fields["error"]; e != "" {
		message += ": " + e
	}
	return []string{message}
}

// setting is what comes with the addresses.
func setting(moves []string) []string {
	var out []string
	if slices.Contains(moves, "silence") {
		out = append(out, "setting firewall drop rule")
	}
	out = append(out, "setting VIPs.")
	for _, m := range [][2]string{{"excluded", "E-VIPs."}, {"routes", "Virtual Routes"}, {"rules", "Virtual Rules"}} {
		if slices.Contains(moves, m[0]) {
			out = append(out, "setting "+m[1])
		}
	}
	return out
}

// removing is what goes; at the start keepalived makes sure twice.
func removing(moves []string, initial bool) (out []string) {
	paths := func() {
		for _, m := range [][2]string{{"rules", "Virtual Rules"}, {"routes", "Virtual Routes"}} {
			if slices.Contains(moves, m[0]) {
				out = append(out, "removing "+m[1])
			}
		}
	}
	paths()
	if initial && slices.Contains(moves, "virtual") { // a new interface has no addresses
		return out
	}
	out = append(out, "removing VIPs.")
	if slices.Contains(moves, "excluded") {
		out = append(out, "removing E-VIPs.")
	}
	if slices.Contains(moves, "silence") {
		out = append(out, "removing firewall drop rule")
	}
	if initial {
		paths()
	}
	return out
}

// sessionLines are the lines for a BFD session that came up or went down.
func sessionLines(fields map[string]string, detail bool) (lines []string) {
	name, state := fields["check"], "Up"
	if fields["event"] == SessionDown.String() {
		state = "Down"
		lines = append(lines, fmt.Sprintf("(%s) Entering Down state (Local diagnostic - %s, Remote diagnostic - %s)", name,
			capitals(fields["diagnostic"]), capitals(fields["remote_diagnostic"])))
	} else {
		lines = append(lines, fmt.Sprintf("(%s) Entering Up state", name))
	}
	if detail {
		lines = append(lines, fmt.Sprintf("Received BFD event: instance %s is in state %s", name, state))
	}
	return lines
}

// capitals begins each word with a capital letter.
func capitals(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// keptLines are the lines of a reload for what checks came to before.
func keptLines(fields map[string]string) []string {
	switch {
	case fields["fault"] != "":
		return faultLines(fields)
	case fields["priority"] != "":
		return []string{fmt.Sprintf("(%s) Changing effective priority from %s to %s", fields["service"], fields["from"], fields["priority"])}
	}
	return []string{fmt.Sprintf("VRRP_Script(%s) considered %s on reload", fields["check"],
		map[bool]string{true: "successful", false: "unsuccessful"}[fields["ok"] == "true"])}
}

// faultLines say which check is a fault.
func faultLines(fields map[string]string) []string {
	name, check := fields["service"], fields["check"]
	switch fields["kind"] {
	case "exec", "readable":
		return []string{fmt.Sprintf("(%s): entering FAULT state due to script %s", name, check)}
	case "process":
		return []string{fmt.Sprintf("(%s) entering FAULT state (tracked process %s quorum not achieved)", name, check)}
	case "number":
		return []string{fmt.Sprintf("(%s): entering FAULT state (tracked file %s has status %s)", name, check, fields["value"])}
	case "interface":
		return []string{fmt.Sprintf("(%s): entering FAULT state (interface %s down)", name, check)}
	case "bfd":
		return []string{fmt.Sprintf("(%s) entering FAULT state", name)}
	}
	return nil
}

// checkLines are the lines for a check that turned: once, by the first of the services that have it.
func checkLines(fields map[string]string) (lines []string) {
	name := fields["check"]
	switch passes := fields["event"] == CheckPassed.String(); {
	case fields["kind"] == "process" && fields["also"] != "true" && fields["first"] != "true":
		return []string{fmt.Sprintf("Quorum %s for tracked process %s", map[bool]string{true: "gained", false: "lost"}[passes], name)}
	case fields["kind"] == "number" && fields["first"] != "true":
		return []string{fmt.Sprintf("(%s): tracked file %s %s FAULT state", fields["service"], name, map[bool]string{true: "leaving", false: "now"}[passes])}
	}
	if fields["kind"] == "bfd" {
		state := map[bool]string{true: "UP", false: "DOWN"}[fields["event"] == CheckPassed.String()]
		return []string{fmt.Sprintf("VRRP_Instance(%s) Tracked BFD instance %s is %s", fields["service"], name, state)}
	}
	if fields["also"] == "true" || fields["kind"] != "exec" && fields["kind"] != "readable" {
		return nil
	}
	if status := fields["exit"]; status != "" {
		lines = append(lines, fmt.Sprintf("Script `%s` now returning %s", name, status))
	}
	switch {
	case fields["event"] == CheckPassed.String():
		return append(lines, fmt.Sprintf("VRRP_Script(%s) succeeded", name))
	case fields["timed_out"] == "true":
		return append(lines, fmt.Sprintf("VRRP_Script(%s) timed_out", name))
	case fields["signal"] != "":
		return append(lines, fmt.Sprintf("VRRP_Script(%s) failed (due to signal %s)", name, fields["signal"]))
	}
	return append(lines, fmt.Sprintf("VRRP_Script(%s) failed (exited with status %s)", name, fields["exit"]))
}
