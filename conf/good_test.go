// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoodFilesResolve holds every resolved field of the good files, as JSON; secrets show as "…".
func TestGoodFilesResolve(t *testing.T) {
	for _, path := range files(t, goodFiles) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			file := layOut(t, path)
			cfg, diags := Options{HostName: "db1.example.org"}.Load(file)
			if len(diags) > 0 {
				t.Fatalf("diagnostics:\n%s", diags)
			}
			out, err := json.MarshalIndent(cfg, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(out), filepath.Dir(file)+"/", "") + "\n"
			for _, secret := range []string{"secret12", "geheim"} {
				if strings.Contains(got, secret) {
					t.Errorf("%q is printed", secret)
				}
			}
			golden(t, strings.TrimSuffix(path, ".toml")+".want", got)
		})
	}
}
