// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPasswordNeverPrints(t *testing.T) {
	t.Parallel()
	const secret = "geheim!"
	p := NewPassword(secret)
	type outer struct {
		Open   Password
		closed Password // fmt calls no methods here
		Auth   *Authentication
	}
	var printed []string
	for _, v := range []any{p, &p, []Password{p}, map[string]Password{"k": p}, outer{p, p, &Authentication{AuthPass, p}}, &outer{closed: p}, fmt.Errorf("x: %v", p)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, string(out))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		printed = append(printed, log.String())
	}
	for _, s := range printed {
		if strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) || strings.Contains(strings.ToLower(s), "geh") {
			t.Errorf("the secret is printed: %s", s)
		}
	}
	if got := fmt.Sprint(p); got != "…" {
		t.Errorf("prints as %q, want …", got)
	}
	if got := p.Reveal(); got != secret {
		t.Errorf("reveals %q, want %q", got, secret)
	}
	if got := fmt.Sprint(Password{}); got != "" {
		t.Errorf("no password prints as %q", got)
	}
	if !p.Equal(NewPassword(secret)) || p.Equal(NewPassword("other")) || p.Equal(Password{}) || !(Password{}).Equal(Password{}) {
		t.Error("equality is not that of the secrets")
	}
}

func TestReadSecretJudgesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, size int) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", 0o600, 8), link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, want string
	}{
		{"0600", write("a", 0o600, 8), ""},
		{"0400", write("b", 0o400, 8), ""},
		{"through a link", link, ""},
		{"0640", write("c", 0o640, 8), "has mode 0640: others may read it (chmod 600)"},
		{"0604", write("d", 0o604, 8), "has mode 0604: others may read it (chmod 600)"},
		{"0700", write("e", 0o700, 8), "has mode 0700: others may read it (chmod 600)"},
		{"absent", filepath.Join(dir, "none"), "no such file or directory"},
		{"directory", dir, "is not a regular file"},
		{"FIFO without a writer", fifo, "is not a regular file"},
		{"long", write("f", 0o600, maxSecret+1), "is 65537 bytes long: a secret has 65536 at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, err := ReadSecret(tt.path)
			if got := fmt.Sprint(err); err != nil && got != tt.want || err == nil && tt.want != "" {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err == nil && string(data) != "xxxxxxxx" {
				t.Errorf("read %q", data)
			}
		})
	}
}

func TestSecretBelongsToRootOrWhoRunsThis(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		owner, me int
		want      string
	}{
		{0, 0, ""},
		{0, 500, ""},
		{500, 500, ""},
		{501, 500, "belongs to user 501: it must belong to root or to user 500, who runs this (chown)"},
		{500, 0, "belongs to user 500: it must belong to root (chown root)"},
	} {
		got := ""
		if err := judgeOwner(tt.owner, tt.me); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("file of %d read by %d: %q, want %q", tt.owner, tt.me, got, tt.want)
		}
	}
}
