// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"io"
	"slices"
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
	fmt.Fprintln(tw, "SERVICE\tFAMILY\tINTERFACE\tVRID\tSTATE\tDUTY\tPRIORITY\tACTIVE NODE\tPROTECTED\tSINCE\tREASON")
	for _, v := range s.Services {
		active := v.ActiveAddress
		if active == "" {
			active = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", v.Name, v.Family, v.Interface, v.VirtualRouterID,
			v.State, v.Duty, v.EffectivePriority, active, protection(v), Ago(now.Sub(v.Since)), v.Reason)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "node %s, %d virtual routers, up %s\nrefusing by %s\n\n", s.Node, len(s.Services), Ago(now.Sub(s.Started)), refusing(s))
	if err != nil {
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
	if err := nodeTable(w, s, colour); err != nil {
		return err
	}
	return sessionTable(w, s, now)
}

// refusing is by what clients are refused, and how often they were.
func refusing(s Snapshot) string {
	var sum Answered
	for _, v := range s.Services {
		sum.Resets += v.Answered.Resets
		sum.Unreachables += v.Answered.Unreachables
		sum.Answers += v.Answered.Answers
		sum.Tickles += v.Answered.Tickles
	}
	return fmt.Sprintf("%s: %d resets, %d unreachables, %d answers, %d tickles", s.Services[0].Mechanism, sum.Resets, sum.Unreachables, sum.Answers, sum.Tickles)
}

// protection says whether another node could take a service over, and who forbids it.
func protection(v Service) string {
	switch {
	case v.Phase == "": // priority by hand: no policy
		return "-"
	case v.ForbiddenBy != "":
		return "forbidden by " + v.ForbiddenBy
	case v.Protected:
		return "yes"
	}
	return "no"
}

// columnLimit is how many services have a column of their own in the table of nodes.
const columnLimit = 8

// nodeTable writes a line a node: how it is, and what it does with each service.
func nodeTable(w io.Writer, s Snapshot, colour bool) error {
	if len(s.Nodes) < 2 {
		return nil
	}
	var names []string
	for _, v := range s.Services {
		if v.Phase != "" && !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	if len(names) > columnLimit {
		names = nil
	}
	var body strings.Builder
	tw := tabwriter.NewWriter(&body, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "NODE\tPRESENCE\tLOAD\tCAPACITY\tPERFORMS")
	for _, name := range names {
		fmt.Fprintf(tw, "\t%s", name)
	}
	fmt.Fprintln(tw)
	for _, n := range s.Nodes {
		capacity := "-"
		if n.Capacity > 0 {
			capacity = fmt.Sprint(n.Capacity)
		}
		load := "-"
		if n.Alive {
			load = fmt.Sprintf("%.1f", n.Load)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s", n.Name, condition(n), load, capacity, performs(n))
		for _, name := range names {
			duty := n.Duties[name]
			if duty == "" || duty == "none" {
				duty = "-"
			}
			fmt.Fprintf(tw, "\t%s", duty)
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimRight(body.String(), "\n"), "\n") {
		if colour && i == 0 {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// condition is how a node is, in few words.
func condition(n Node) string {
	c := n.Presence
	if n.Drained {
		c += ", drained"
	}
	if n.Overloaded {
		c += ", overloaded"
	}
	return c
}

func performs(n Node) string {
	switch len(n.Performs) {
	case 0:
		return "-"
	case 1, 2, 3:
		return strings.Join(n.Performs, ", ")
	}
	return fmt.Sprintf("%d services", len(n.Performs))
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
