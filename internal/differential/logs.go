// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"regexp"
	"strings"
)

// date stands before each line of the console.
var date = regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4}: `)

// told are the lines of keepalived's log that are compared: states, why a fault, groups, addresses, election, scripts
// and other trackers. The first group of each that has one is what the line is about.
var told = []*regexp.Regexp{
	regexp.MustCompile(`^\(([^)]+)\):? (?:[Ee]ntering (?:MASTER|BACKUP|FAULT)|interface .* is down).*`),
	regexp.MustCompile(`^VRRP_Group\(([^)]+)\).*`),
	regexp.MustCompile(`^\(([^)]+)\) (?:setting|removing) (?:E-)?V.*`),
	regexp.MustCompile(`^\(([^)]+)\) (?:Receive advertisement timeout|sent 0 priority|Backup received priority 0|Master received|Received advert|received lower|Changing effective|master set to|master changed|start preempt|stop preempt|advertisement interval|ip address associated|expected \d+ VIPs|received an invalid passwd|invalid TTL|WARNING - equal|CONFIGURATION ERROR).*`),
	regexp.MustCompile("^Script `([^`]+)` now returning.*"),
	regexp.MustCompile(`^VRRP_Script\(([^)]+)\).*`),
	regexp.MustCompile(`^Track script (\S+) is already running.*`),
	regexp.MustCompile(`^Quorum (?:gained|lost).* process (\S+).*`),
	regexp.MustCompile(`^VRRP_Instance\([^)]+\) Tracked BFD instance (\S+) is.*`),
	regexp.MustCompile(`^\(([^)]+)\) Entering (?:Up|Down) state.*`),
	regexp.MustCompile(`^Netlink reports (\S+) (?:up|down).*`),
}

// preempt delays are of the clock.
var micros = regexp.MustCompile(`\(\d+\.\d{6}\)`)

// tell reads a line of a console: what it is about, and its text. It is false for lines that are not compared.
func tell(line string) (about, text string, ok bool) {
	place := date.FindStringIndex(line)
	if place == nil {
		return "", "", false
	}
	text = strings.TrimRight(line[place[1]:], "\n")
	for _, r := range told {
		if m := r.FindStringSubmatch(text); m != nil {
			return m[1], micros.ReplaceAllString(text, "(…)"), true
		}
	}
	return "", "", false
}

// sorted puts lines under what they are about; a line that repeats the one before it is told once.
func sorted(lines []string) map[string][]string {
	all := map[string][]string{}
	for _, line := range lines {
		about, text, ok := tell(line)
		if n := len(all[about]); ok && (n == 0 || all[about][n-1] != text) {
			all[about] = append(all[about], text)
		}
	}
	return all
}

// entering are the lines that tell a state.
var entering = regexp.MustCompile(`^\(([^)]+)\):? [Ee]ntering (MASTER|BACKUP|FAULT)|^VRRP_Group\(([^)]+)\) Syncing instances to (MASTER|BACKUP|FAULT) state`)

// states are the last states that lines tell.
func states(lines []string) map[string]string {
	now := map[string]string{}
	for _, line := range lines {
		if place := date.FindStringIndex(line); place != nil {
			if m := entering.FindStringSubmatch(line[place[1]:]); m != nil {
				now[m[1]+m[3]] = m[2] + m[4]
			}
		}
	}
	return now
}
