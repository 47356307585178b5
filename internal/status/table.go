// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Table writes the snapshot for a terminal: one line a virtual router, the sooner changed part last. With colour the
// lines of Active routers stand out; now dates the column "since".
func Table(w io.Writer, s Snapshot, now time.Time, colour bool) error {
	if len(s.Services) == 0 {
		_, err := fmt.Fprintf(w, "node %s: no services\n", s.Node)
		return err
	}
	var body strings.Builder
	tw := tabwriter.NewWriter(&body, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SERVICE\tFAMILY\tINTERFACE\tVRID\tSTATE\tDUTY\tPRIORITY\tACTIVE NODE\tSINCE\tREASON")
	for _, v := range s.Services {
		active := v.ActiveAddress
		if active == "" {
			active = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\n", v.Name, v.Family, v.Interface, v.VirtualRouterID,
			v.State, v.Duty, v.EffectivePriority, active, Ago(now.Sub(v.Since)), v.Reason)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "node %s, %d virtual routers, up %s\n\n", s.Node, len(s.Services), Ago(now.Sub(s.Started))); err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimRight(body.String(), "\n"), "\n") {
		if colour {
			line = paint(line, i, s)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// paint colours whole lines: the widths of the columns are already set.
func paint(line string, i int, s Snapshot) string {
	const bold, green, yellow, red, off = "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	if i == 0 {
		return bold + line + off
	}
	switch v := s.Services[i-1]; {
	case v.State == "active" && v.Duty == "serve":
		return green + line + off
	case v.State == "active":
		return yellow + line + off
	case v.State == "initialize":
		return red + line + off
	}
	return line
}

// Ago writes a length of time in its two largest units: 850ms, 12s, 3m20s, 5h2m, 4d1h.
func Ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Truncate(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
