// SPDX-License-Identifier: Apache-2.0

package differential

// Program is what plays a case.
type Program struct {
	// Name in reports.
	Name string
	// Path of the binary; it is started under the name keepalived.
	Path string
	// Env is added to its environment.
	Env []string
}

// Keepalived is Debian's.
func Keepalived() Program { return Program{Name: "keepalived", Path: "/usr/sbin/keepalived"} }

// Regent is a binary of Regent's as keepalived.
func Regent(binary string) Program { return Program{Name: "regent", Path: binary} }

// arguments of each start: in the foreground, VRRP alone, all that it has to say on the console.
var arguments = []string{"-n", "-P", "-l", "-D", "-G", "-f", confPath}

// Paths inside of a node.
const (
	confPath = "/run/conf/keepalived.conf"
	jsonPath = "tmp/keepalived.json"
)
