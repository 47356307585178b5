// SPDX-License-Identifier: Apache-2.0

package flags_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regent-ha/regent/internal/keepalived/flags"
)

// with returns the defaults with a change.
func with(change func(*flags.Options)) flags.Options {
	o := flags.Options{File: flags.DefaultFile, Facility: 3}
	change(&o)
	return o
}

func TestFlagsAreReadAsKeepalivedReadsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		want flags.Options
	}{
		{"", with(func(*flags.Options) {})},
		{"-nlD -f a", with(func(o *flags.Options) { o.Foreground, o.Console, o.Detail, o.File = true, true, 1, "a" })},
		{"-nfa", with(func(o *flags.Options) { o.Foreground, o.File = true, "a" })},
		{"-DD -D", with(func(o *flags.Options) { o.Detail = 3 })},
		{"--dont-fork --use-file=a --pid b", with(func(o *flags.Options) { o.Foreground, o.File, o.PIDFile = true, "a", "b" })},
		{"--dont-f --log-c", with(func(o *flags.Options) { o.Foreground, o.Console = true, true })},
		{"-p a -r b -c c -b d", with(func(o *flags.Options) { o.PIDFile, o.VRRPPIDFile, o.CheckersPIDFile, o.BFDPIDFile = "a", "b", "c", "d" })},
		{"--vrrp_pid=b --vrrp", with(func(o *flags.Options) { o.VRRPPIDFile, o.VRRP = "b", true })},
		{"--vrrp_ -v", with(func(o *flags.Options) { o.VRRPPIDFile = "-v" })},
		{"-t", with(func(o *flags.Options) { o.Action = flags.Test })},
		{"-t log", with(func(o *flags.Options) {
			o.Action, o.Warnings = flags.Test, []string{"Unexpected argument(s): log"}
		})},
		{"-tlog", with(func(o *flags.Options) { o.Action, o.TestLog = flags.Test, "log" })},
		{"-t=log", with(func(o *flags.Options) { o.Action, o.TestLog = flags.Test, "=log" })},
		{"--config-test=log -f a", with(func(o *flags.Options) { o.Action, o.TestLog, o.File = flags.Test, "log", "a" })},
		{"-g", with(func(o *flags.Options) { o.ToFile = true })},
		{"-g/x", with(func(o *flags.Options) { o.ToFile, o.LogFile = true, "/x" })},
		{"-M", with(func(o *flags.Options) { o.Core = true })},
		{"-S 7", with(func(o *flags.Options) { o.Facility = 23 })},
		{"-Slocal0", with(func(o *flags.Options) { o.Facility = 16 })},
		{"-S user", with(func(o *flags.Options) { o.Facility = 1 })},
		{"-S 9", with(func(o *flags.Options) { o.Warnings = []string{"Invalid log facility '9'"} })},
		{"-u 022", with(func(o *flags.Options) { o.Umask, o.UmaskSet = 0o22, true })},
		{"-u 18", with(func(o *flags.Options) { o.Umask, o.UmaskSet = 18, true })},
		{"-u IRWXG|IWOTH|IXUSR", with(func(o *flags.Options) { o.Umask, o.UmaskSet = 0o172, true })},
		{"-u 07777", with(func(o *flags.Options) { o.Warnings = []string{"Invalid --umask option 07777"} })},
		{"-u 0o22", with(func(o *flags.Options) { o.Warnings = []string{"Invalid --umask option 0o22"} })},
		{"a -n b", with(func(o *flags.Options) { o.Foreground, o.Warnings = true, []string{"Unexpected argument(s): a b"} })},
		{"-- -n", with(func(o *flags.Options) { o.Warnings = []string{"Unexpected argument(s): -n"} })},
		{"-n -", with(func(o *flags.Options) { o.Foreground, o.Warnings = true, []string{"Unexpected argument(s): -"} })},
		{"-v --nonsense", with(func(o *flags.Options) { o.Action = flags.Version })},
		{"-vn", with(func(o *flags.Options) { o.Action = flags.Version })},
		{"-h", with(func(o *flags.Options) { o.Action = flags.Help })},
		{"-T x", with(func(o *flags.Options) { o.Action = flags.Genhash })},
		{"--signum=JSON --signum=DATA", with(func(o *flags.Options) { o.Action, o.Signal = flags.Signum, 36 })},
		{"--signum STATS_CLEAR", with(func(o *flags.Options) { o.Action, o.Signal = flags.Signum, 63 })},
		{"-P -C -B -X -V -I -R -d -a -x -m -e -G --all --flush-log-file --ignore-sigint", with(func(o *flags.Options) {
			o.VRRP, o.Checkers, o.NoBFD, o.ReleaseVIPs, o.KeepVIPs, o.KeepIPVS, o.DontRespawn = true, true, true, true, true, true, true
			o.DumpConfig, o.Addresses, o.SNMP, o.Core, o.IncludeAll, o.NoSyslog = true, true, true, true, true, true
			o.All, o.Flush, o.IgnoreSIGINT = true, true, true
		})},
		{"-i lb1 -s blue -A unix:/x", with(func(o *flags.Options) { o.ConfigID, o.Namespace, o.SNMPSocket = "lb1", "blue", "unix:/x" })},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			got, err := flags.Parse(strings.Fields(c.args))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-Q":                     "Unknown option -Q",
		"-Qz -n":                 "Unknown option -Q\nUnknown option -z",
		"--bogus":                "Unknown option --bogus",
		"--log":                  "Unknown option --log",
		"--all=3":                "Unknown option --all=3",
		"-f":                     "Missing parameter for option -f",
		"-nf":                    "Missing parameter for option -f",
		"--use-file":             "Missing parameter for option --use-file",
		"--use-file=":            "Missing parameter for option --use-file",
		"--signum=TDUMP":         "Unknown sigfunc TDUMP",
		"--bogus -v --other":     "Unknown option --bogus",
		"--bogus --signum=DATA":  "Unknown option --bogus",
		"--check-bogus -t --pid": "Unknown option --check-bogus\nMissing parameter for option --pid",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			_, err := flags.Parse(strings.Fields(args))
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// What keepalived itself says to the same words, as far as it can be asked without starting it.
func TestKeepalivedAgrees(t *testing.T) {
	t.Parallel()
	keepalived, err := exec.LookPath("keepalived")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal(err)
		}
		t.Skip("keepalived is not installed")
	}
	for _, args := range []string{"-v", "-nlDv", "--vers", "--dont-f -v", "-Q -v", "-Qz -t", "--bogus -v", "--log -v", "--all=3 -v", "--all=3 -t", "-f", "-nf",
		"--signum=DATA", "--signum JSON --signum=DATA", "--signum=TDUMP", "-Q --signum=STOP", "--use-file= -t", "-f /nonexistent -v", "x -v", "- -v", "-S9 -v", "--c -v",
		"--signum=RELOAD", "--signum=STATS", "--signum=STATS_CLEAR"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(keepalived, strings.Fields(args)...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.Run() //nolint:errcheck // the exit code is compared
			o, err := flags.Parse(strings.Fields(args))
			var complaints string
			for line := range strings.Lines(stderr.String()) {
				if strings.HasPrefix(line, "Unknown ") || strings.HasPrefix(line, "Missing ") {
					complaints += line
				}
			}
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			}
			if got != complaints {
				t.Errorf("says %q, keepalived %q", got, complaints)
			}
			code := 0
			if err != nil && (o.Action == flags.Run || o.Action == flags.Test) || o.Action == flags.Signum && o.Signal == 0 {
				code = 1
			}
			if code != cmd.ProcessState.ExitCode() {
				t.Errorf("exit code %d, keepalived %d", code, cmd.ProcessState.ExitCode())
			}
			if o.Action == flags.Version != strings.Contains(stderr.String(), "Keepalived v") {
				t.Errorf("action %d, keepalived says %q", o.Action, stderr.String())
			}
		})
	}
}

func TestAnyWordsAreRead(t *testing.T) {
	t.Parallel()
	word := rapid.OneOf(rapid.String(), rapid.StringMatching(`--?[a-zA-Z_-]{0,12}(=.{0,4})?`))
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(word).Draw(t, "args")
		o, err := flags.Parse(args)
		again, err2 := flags.Parse(args)
		if d := cmp.Diff(o, again); d != "" || (err == nil) != (err2 == nil) {
			t.Fatal("not the same twice: " + d)
		}
		if o.Umask > 0o777 {
			t.Fatalf("mask %o", o.Umask)
		}
	})
}

// The help names every flag, or it would not be found.
func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	help := flags.HelpText("keepalived")
	for _, name := range []string{"use-file", "config-test", "dont-fork", "signum", "namespace", "log-file", "vrrp_pid", "ignore-sigint"} {
		if !strings.Contains(help, "--"+name) {
			t.Errorf("--%s is not in the help", name)
		}
	}
	if v := flags.VersionText("1.2", "Linux 6"); !strings.HasPrefix(v, "Keepalived v2.4.3 (") || !strings.Contains(v, "Regent 1.2") {
		t.Errorf("version text: %s", v)
	}
}
