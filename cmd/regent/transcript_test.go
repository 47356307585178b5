// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// transcripts are what people type on the nodes of a cluster and what they read, in testdata/cluster. Beside the commands of testscript:
//
//	on NODE COMMAND…            runs regent there; stdout and stderr are what it printed; begins with a code if that is not 0
//	until NODE REGEXP COMMAND…  the same, again and again, until what it prints matches
//	said REGEXP                 holds that against what the last one printed
//	do kill NODE                ends the processes of the daemon at once; the node is silent from then on
//	do ip NODE ARGS…            runs ip(8) there
type transcripts struct {
	c *cast
}

func (s transcripts) regent(ts *testscript.TestScript, node string, args []string) (out string, code int) {
	h := s.c.hosts[node]
	if h == nil {
		ts.Fatalf("there is no %s", node)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	args = slices.Clone(args)
	for i, a := range args {
		if a == "FILE" {
			args[i] = h.file()
		}
	}
	if args[0] != "check" {
		args = append(args, "--run-dir", filepath.Join(h.dir, "run"))
	}
	cmd := h.Command(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asRegent+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

func (s transcripts) on(ts *testscript.TestScript, neg bool, args []string) {
	want := 0
	if len(args) > 1 && len(args[1]) == 1 && args[1] >= "0" && args[1] <= "9" {
		want = int(args[1][0] - '0')
		args = append(args[:1:1], args[2:]...)
	}
	out, code := s.regent(ts, args[0], args[1:])
	ts.Logf("%s", out)
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(out), 0o600))
	if (code == want) == neg {
		ts.Fatalf("exit status %d, want %d", code, want)
	}
}

func (s transcripts) until(ts *testscript.TestScript, neg bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[1])
	for start := time.Now(); ; {
		out, _ := s.regent(ts, args[0], args[2:])
		if want.MatchString(out) != neg {
			ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(out), 0o600))
			return
		}
		if time.Since(start) > 20*time.Second {
			ts.Fatalf("%s: %v, want %s", args[0], out, args[1])
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// said holds a pattern against what the last command printed.
func (s transcripts) said(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.ReadFile("said")
	if regexp.MustCompile("(?m)"+args[0]).MatchString(out) == neg {
		ts.Fatalf("want %s %v in\n%s", args[0], !neg, out)
	}
}

func (s transcripts) do(ts *testscript.TestScript, _ bool, args []string) {
	h := s.c.hosts[args[1]]
	switch args[0] {
	case "kill":
		s.c.kill(args[1])
	case "ip":
		out, err := h.Run(context.Background(), "ip", args[2:]...)
		if err != nil {
			ts.Fatalf("%v %s", err, out)
		}
	}
}

// What an operator reads of a cluster in health, in trouble and broken.
func TestTranscriptsOfClusters(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cluster/*.txt")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d transcripts: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			s := transcripts{newCast(t, 3, serviceWith("")).start()}
			testscript.Run(t, testscript.Params{Files: []string{f}, Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"on": s.on, "until": s.until, "said": s.said, "do": s.do,
			}})
		})
	}
}
