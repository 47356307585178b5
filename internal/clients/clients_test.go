// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// build builds a program of a module.
func build(t *testing.T, name, dir, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", program, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return program
}

func regent(t *testing.T) string {
	t.Helper()
	return build(t, "regent", ".", "github.com/regent-ha/regent/cmd/regent")
}

// common are clients that most machines have.
func common() []Client {
	var some []Client
	for _, c := range List() {
		if slices.Contains([]string{"psql", "pgx", "curl -L", "net/http", "dig", "glibc"}, c.Name) && !strings.Contains(c.How, "require") && c.How != "one address" {
			some = append(some, c)
		}
	}
	return some
}

// Clients that most machines have reach their second address soon after the takeover, and are told of it as it is configured:
// by a reset, by "port unreachable", and in the words of their protocol.
func TestCommonClientsMoveOn(t *testing.T) {
	list := common()
	netlab.Require(t, "unshare", "ip", "nft")
	for _, c := range list {
		if c.Command[0] != "@GO@" {
			netlab.Require(t, c.program())
		}
	}
	n := Names{Go: build(t, "goclients", "goclients", ".")}
	s, err := Open(t.Context(), netlab.Test(t), regent(t), list)
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]bool{}
	for _, c := range list {
		if started[c.Server] {
			continue
		}
		started[c.Server] = true
		sv, ok := Small(c)
		if !ok {
			t.Fatalf("%s: no small %s", c.Name, c.Server)
		}
		if err := s.Start(t.Context(), sv, n); err != nil {
			t.Fatal(err)
		}
	}
	// What does not move them: that is for their makers to decide, and for the reference to warn of. After SQLSTATE 57P03 libpq
	// goes to the next host of its list, but not to the next address of a name.
	stays := map[string]string{
		"psql " + byName:     answerPostgreSQL,
		"curl -L " + byName:  answerHTTP,
		"net/http " + byName: answerHTTP,
		"dig " + byResolv:    answerDNS,
	}
	for _, c := range list {
		// A machine that stands still for longer than an election takes lets n2 give the address back in the middle of it all:
		// what then happens to a client says nothing about it.
		var wrong []string
		for range 3 {
			row, err := s.Measure(t.Context(), c, n, 1)
			if err != nil {
				wrong = []string{err.Error()}
				continue
			}
			if wrong = judge(t, c, row, stays[c.Label()]); len(wrong) == 0 {
				break
			}
			t.Logf("once more: %q", wrong)
		}
		for _, w := range wrong {
			t.Error(w)
		}
	}
}

// judge returns what a client should not have done: it is to move on after each answer but the one at which it stays.
func judge(t *testing.T, c Client, row Row, stays string) (wrong []string) {
	t.Helper()
	for _, r := range row.Results {
		t.Logf("%-12s %-10s %-40s %s", c.Name, c.How, r.Answer, outcomeText(r))
		if want := stays != r.Answer; want != (r.Outcome == Moved) {
			wrong = append(wrong, fmt.Sprintf("%s, %s: it %s, want moved on: %t (%s)", c.Label(), r.Answer, r.Outcome, want, r.Said))
		}
		if r.Outcome == Moved && r.Max > 5000 {
			wrong = append(wrong, fmt.Sprintf("%s, %s: it takes %.0f ms", c.Label(), r.Answer, r.Max))
		}
		if want := gotBy(c, r.Answer); r.Got != want {
			wrong = append(wrong, fmt.Sprintf("%s, %s: it got: %s, want %s", c.Label(), r.Answer, r.Got, want))
		}
	}
	return wrong
}

// gotBy is what a client has to get at the first address.
func gotBy(c Client, answer string) Got {
	switch {
	case answer != Default:
		return Spoken
	case strings.HasPrefix(c.Port, "udp/"):
		return Unreachable
	}
	return GotReset
}

// TestProofEveryClient writes docs/clients.md and docs/clients.json (make clients).
func TestProofEveryClient(t *testing.T) {
	if os.Getenv("REGENT_CLIENTS") == "" {
		t.Skip("it takes minutes and many packages: make clients")
	}
	netlab.Require(t, "unshare", "ip", "nft", "ssh-keygen")
	only := os.Getenv("REGENT_CLIENTS")
	n := Names{Go: build(t, "goclients", "goclients", ".")}
	all := List()
	s, err := Open(t.Context(), netlab.Test(t), regent(t), all)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Keys(); err != nil {
		t.Fatal(err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	report := Report{Version: 1, Kernel: number, Servers: map[string]string{}}
	wanted := func(c Client) bool { return only == "1" || strings.Contains(only, c.Name) }
	for _, sv := range Debian() {
		user := slices.IndexFunc(all, func(c Client) bool { return c.Server == sv.Name && wanted(c) })
		if user < 0 {
			continue
		}
		if err := s.Start(t.Context(), sv, n); err != nil {
			t.Fatal(err)
		}
		report.Servers[sv.Name] = VersionOf(n, sv.Version)
		if err := s.Ready(t.Context(), all[user], n); err != nil {
			t.Fatal(err)
		}
	}
	measure := func(list []Client, rows *[]Row) {
		for _, c := range list {
			if !wanted(c) {
				continue
			}
			row, err := s.Measure(t.Context(), c, n, 5)
			if err != nil {
				t.Error(err)
				continue
			}
			for i, r := range row.Results {
				name := ""
				if i == 0 {
					name = c.Label()
				}
				fmt.Fprintf(os.Stderr, "%-36s %-16s %s\n", name, answerName(r.Answer), outcomeText(r))
			}
			*rows = append(*rows, row)
		}
	}
	measure(all, &report.Rows)
	measure(HeldList(), &report.Held)
	for _, err := range s.Replayed() {
		fmt.Fprintf(os.Stderr, "played again: %v\n", err)
	}
	report.Replayed = len(s.Replayed())
	if only != "1" || t.Failed() {
		t.Log(report.Page())
		return
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"clients.json": append(text, '\n'), "clients.md": []byte(report.Page())} {
		if err := os.WriteFile(filepath.Join("../../docs", name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
