// SPDX-License-Identifier: Apache-2.0

package flags

import "fmt"

// Compatible is the release of keepalived whose interfaces these are.
const Compatible = "2.4.3"

// VersionLine is the first line of -v. Tools read the version from it.
const VersionLine = "Keepalived v" + Compatible + " (07/20,2026)"

// VersionText is the answer to -v, for standard error. version is Regent's own.
func VersionText(version, kernel string) string {
	return fmt.Sprintf(`%s

This is Regent %s, which runs keepalived.conf and keeps to keepalived's interfaces.
It is not keepalived, and none of keepalived is in it.

Running on %s

Config options:  VRRP VRRP_AUTH VRRP_VMAC JSON BFD INIT=systemd SYSTEMD_NOTIFY
Not here:  LVS SNMP DBUS (virtual servers stay with keepalived -C)
`, VersionLine, version, kernel)
}

// HelpText is the answer to -h, for standard error.
func HelpText(program string) string {
	return fmt.Sprintf(`Usage: %s [OPTION...]
Regent, called as keepalived.

Configuration
  -f, --use-file=FILE           read FILE (%s)
  -i, --config-id=ID            lines that begin with @ belong to ID (the host name)
  -e, --all-config              an include without its file is an error
  -t, --config-test[=LOG]       check the configuration and write what is wrong to LOG (standard error);
                                exit code 0 nothing, 2 an argument missing, 4 a file missing, 5 anything else,
                                6 only script security
Running
  -n, --dont-fork               stay in the foreground
  -s, --namespace=NAME          run in the network namespace NAME
  -R, --dont-respawn            end when the working process ends
      --ignore-sigint           SIGINT does nothing
  -u, --umask=MASK              for new files: a number, or names such as IRWXG|IRWXO
  -p, --pid=FILE                pid file of the parent
  -r, --vrrp_pid=FILE           pid file of the working process
Log
  -l, --log-console             to standard error
  -g, --log-file[=FILE]         to FILE (/tmp/keepalived.log), and FILE with _vrrp
      --flush-log-file          write each line at once, which is done anyway
  -D, --log-detail              more of it
  -S, --log-facility=FACILITY   0-7, local0-local7, user, daemon
  -G, --no-syslog               not to syslog
  -d, --dump-conf               the state as SIGUSR1 writes it, once at the start
Questions
      --signum=FUNCTION         the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON
  -v, --version                 the version
  -h, --help                    this
Accepted without effect
  -P, -C with -P, -B, --all, -I, -V, -X, -a, -c FILE, -b FILE, -x, -A SOCKET, -m, -M[P], --perf, --debug, --no-mem-check, --mem-check-log
`, program, DefaultFile)
}
