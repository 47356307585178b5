// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/responder/answer"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const (
	goodFiles = "../testdata/conf/good"
	badFiles  = "../testdata/conf/bad"
)

// layOut copies a configuration into a new directory beside the secrets that the test files name.
func layOut(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string, mode os.FileMode) {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	const key = "8kKHZ5Y9b2T1b3VYc0t8GfG1uJzHn0m4pQ2r9s5t7uw=\n"
	put("good.key", "# the new one\n"+key+"\n"+"AAECAwQFBgcICQoLDA0ODw==\n", 0o600)
	put("bad.key", key+"secret\nAAEC\n", 0o600)
	put("empty.key", "# none yet\n", 0o400)
	put("readable.key", key, 0o640)
	put("good.secret", "secret12\n", 0o400)
	put("readable.secret", "secret12\n", 0o644)
	put("empty.secret", "\n", 0o600)
	put("long.secret", "a long password\n", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if strings.Contains(path, "readable-file") {
		mode = 0o644
	}
	put(filepath.Base(path), string(data), mode)
	return filepath.Join(dir, filepath.Base(path))
}

// files returns the configurations of a directory of testdata.
func files(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return paths
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestCheckNamesEveryFault holds what is printed about each broken file, to the letter.
func TestCheckNamesEveryFault(t *testing.T) {
	paths := files(t, badFiles)
	if len(paths) < 40 {
		t.Errorf("%d broken files, want 40 at least", len(paths))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			file := layOut(t, path)
			host := "db1.example.org"
			if strings.Contains(path, "-warnings-host") {
				host = "bastion.example.org"
			}
			diags, exit := Check(file, Options{HostName: host, Template: answer.CheckTemplate})
			wantExit := ExitRefused
			if strings.Contains(path, "-warnings-") || strings.Contains(path, "-readable-file") {
				wantExit = ExitOK
			}
			if exit != wantExit {
				t.Errorf("exit status %d, want %d", exit, wantExit)
			}
			if len(diags) == 0 {
				t.Error("nothing was found")
			}
			var out bytes.Buffer
			if err := diags.Write(&out); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(out.String(), filepath.Dir(file)+"/", "")
			golden(t, strings.TrimSuffix(path, ".toml")+".want", got)
		})
	}
}

// TestBrokenFilesGiveNoConfiguration: a caller that forgets to look at the diagnostics has nothing to use.
func TestBrokenFilesGiveNoConfiguration(t *testing.T) {
	for _, path := range files(t, badFiles) {
		file := layOut(t, path)
		cfg, diags := Options{HostName: "bastion"}.Load(file)
		if (cfg == nil) != (diags.Errors() > 0) {
			t.Errorf("%s: configuration %v with %d errors", filepath.Base(path), cfg != nil, diags.Errors())
		}
		if (diags.Err() != nil) != (diags.Errors() > 0) {
			t.Errorf("%s: Err is %v with %d errors", filepath.Base(path), diags.Err(), diags.Errors())
		}
	}
}
