// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// TestTutorial types the tutorial into a shell, from an empty directory.
func TestTutorial(t *testing.T) {
	netlab.Require(t, "bash", "git", "make", "ip", "openssl", "nft")
	page, err := os.ReadFile(root + "/docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := Blocks(string(page))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := newShell(ctx, t, cloneFrom(t)...)
	ran := 0
	for i, b := range blocks {
		if b.Language != "sh" {
			continue
		}
		ran++
		want := ""
		if i+1 < len(blocks) && blocks[i+1].Language == "text" {
			want = blocks[i+1].Text
		}
		begin := time.Now()
		var output, missing string
		failed := false
		if b.Has("look") {
			output, missing = s.look(b.Text, want, 15*time.Second)
		} else {
			output, failed = s.run(b.Text)
			missing, _ = Missing(want, output)
		}
		switch {
		case failed != b.Has("fails"):
			t.Fatalf("docs/tutorial.md:%d: failed: %t, want %t\n%s\nprinted\n%s", b.Line, failed, !failed, b.Text, output)
		case missing != "":
			t.Fatalf("docs/tutorial.md:%d: %s\nprinted\n%s\nwithout\n%s", b.Line, b.Text, output, missing)
		}
		t.Logf("line %d: %v", b.Line, time.Since(begin).Round(10*time.Millisecond))
	}
	if ran < 20 {
		t.Errorf("%d blocks were run, want 20 at least", ran)
	}
}

// cloneFrom makes a repository of this source, and returns variables that make git clone that one for the project's.
func cloneFrom(t *testing.T) []string {
	t.Helper()
	source, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	repository := filepath.Join(t.TempDir(), "regent.git")
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = source
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "GIT_") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, "GIT_DIR="+repository, "GIT_WORK_TREE="+source, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	git("init", "-q", "-b", "main", source)
	git("add", "-A")
	git("-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "source")
	return []string{
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=url.file://" + repository + ".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/regent-ha/regent",
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
	}
}
