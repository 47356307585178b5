// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strings"
	"time"
)

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	// A line end in a foreign word would forge a line.
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	_, p.err = io.WriteString(p.w, text+"\n")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func enabled(b bool) string {
	if b {
		return "enabled"
	}
	return "disabled"
}

func onOff(b *bool) string {
	switch {
	case b == nil:
		return "unset"
	case *b:
		return "on"
	}
	return "off"
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// ordered yields pairs of a name and a value.
func ordered(pairs ...string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if !yield(pairs[i], pairs[i+1]) {
				return
			}
		}
	}
}

// moment is a time as keepalived writes it: seconds since the epoch and, in brackets, the local date.
func moment(t time.Time) string {
	return fmt.Sprintf("%d.%06d (%s)", t.Unix(), t.Nanosecond()/1000, t.Local().Format("Mon Jan _2 15:04:05.000000 2006"))
}

// Quote is a command line with each word in quotes.
func Quote(args []string) string { return "'" + strings.Join(args, "' '") + "'" }

// weight is " weight N" with what turns it around.
func weight(n int, reverse bool) string {
	if reverse {
		return fmt.Sprintf("weight %d reverse", n)
	}
	return fmt.Sprintf("weight %d", n)
}

// command is a script's command as keepalived lists it.
func (t Track) command() string {
	if len(t.Command) == 1 && strings.HasPrefix(t.Command[0], "<") {
		return t.Command[0]
	}
	return Quote(t.Command)
}

// String is the address as keepalived lists it.
func (a Address) String() string {
	var b strings.Builder
	host := func(p netip.Prefix) string {
		if p.IsSingleIP() {
			return p.Addr().String()
		}
		return p.String()
	}
	b.WriteString(host(a.Prefix))
	if a.Broadcast.IsValid() {
		b.WriteString(" brd " + a.Broadcast.String())
	}
	b.WriteString(" dev " + a.Device + " scope " + orElse(a.Scope, "global"))
	if a.Label != "" {
		b.WriteString(" label " + a.Label)
	}
	if a.Peer.IsValid() {
		b.WriteString(" peer " + a.Peer.String())
	}
	if a.NoTrack {
		b.WriteString(" no_track")
	}
	for _, f := range a.Flags {
		b.WriteString(" " + f)
	}
	switch {
	case a.Prefix.Addr().Is4(): // keepalived does not list it
	case a.Lifetime == "0":
		b.WriteString(" deprecated")
	default:
		b.WriteString(" preferred_lft " + orElse(a.Lifetime, "forever"))
	}
	if a.Set {
		b.WriteString(" set")
	}
	if a.Silent {
		b.WriteString(" nftable_set")
	}
	return b.String()
}
