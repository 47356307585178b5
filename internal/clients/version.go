// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os/exec"
	"regexp"
	"strings"
)

// VersionOf runs a command that prints a version, and returns that; "" if there is none to be found.
func VersionOf(n Names, command []string) string {
	if len(command) < 2 {
		return ""
	}
	words := n.fill(command)
	path, err := lookup(words[0])
	if err != nil {
		return ""
	}
	out, _ := exec.Command(path, words[1:]...).CombinedOutput() // some end with an error all the same
	return versionIn(string(out))
}

// versionIn finds the version in what a program says of itself. MariaDB's programs have one of their own before.
func versionIn(said string) string {
	if _, after, ok := strings.Cut(said, "Distrib "); ok {
		said = after
	}
	said = strings.ReplaceAll(said, "-MariaDB", "")
	return regexp.MustCompile(`[0-9]+(\.[0-9]+)+[a-zA-Z0-9.+~-]*`).FindString(said)
}
