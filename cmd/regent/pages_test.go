// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/regent-ha/regent/conf"
)

// Every block of a page that is a whole regent.toml is one without an error.
func TestExamplesOfPagesAreConfigurations(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?ms)^```toml\n(.*?)^```")
	seen := 0
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range block.FindAllSubmatch(text, -1) {
			if !strings.Contains(string(m[1]), "[[service]]") {
				continue // a part of one
			}
			seen++
			o := confOptions("")
			o.HostName = "db1"
			o.Secret = func(string) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }
			cfg, diags := o.Parse(path, m[1])
			for _, d := range diags {
				if cfg == nil || d.Severity == conf.Error {
					t.Errorf("%s\n%s", d, m[1])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 5 {
		t.Errorf("%d examples", seen)
	}
}
