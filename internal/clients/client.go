// SPDX-License-Identifier: Apache-2.0

package clients

import "strings"

// Client is a program, as its users call it, that knows two addresses of a service.
type Client struct {
	Name string
	How  string // it knows the two addresses
	Note string // why it does what it does, for the report
	// Version is a command, which prints the version among other words.
	Version []string
	// Port of the service: "tcp/5432".
	Port string
	// Server is the name of the [Server] that it wants.
	Server string
	// Command is the program with its arguments. In these, [Names] are replaced.
	Command []string
	// Prints is what the client prints when it was served, and at no other time; empty where its exit status says enough.
	Prints string
	// Held clients use the service before it is lost, say "ready", and wait for a line before they use it again.
	Held bool
	// Answers at the port other than the default, as values of [service.respond].
	Answers []string
}

// Default is the answer of a port that is not named in [service.respond].
const Default = "reset"

// Names are what stands for the addresses and for files in a client's command.
type Names struct {
	First, Second string // addresses
	Dir           string // of files
	Go            string // the program of the module goclients; "" if there is none
}

// Host is the name that has both addresses, in /etc/hosts. /etc/resolv.conf has both as name servers.
const Host = "svc.test"

// fill replaces names in a command.
func (n Names) fill(command []string) []string {
	r := strings.NewReplacer("@FIRST@", n.First, "@SECOND@", n.Second, "@DIR@", n.Dir, "@GO@", n.Go, "@HOST@", Host)
	out := make([]string, len(command))
	for i, word := range command {
		out[i] = r.Replace(word)
	}
	return out
}

// program is the name of what has to be installed for the client.
func (c Client) program() string {
	if c.Command[0] == "sh" {
		return c.Version[0]
	}
	return c.Command[0]
}

// Label names the client in one line.
func (c Client) Label() string { return c.Name + " " + c.How }

// served tells whether the client that ended with a status and printed something was served.
func (c Client) served(status int, printed string) bool {
	return status == 0 && strings.Contains(printed, c.Prints)
}
