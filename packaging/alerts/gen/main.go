// SPDX-License-Identifier: Apache-2.0

// Command gen writes the generated rules into packaging/alerts.
//
//	go run ./packaging/alerts/gen
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/regent-ha/regent/packaging/alerts"
)

func main() {
	for name, text := range alerts.Files() {
		if err := os.WriteFile(filepath.Join("packaging", "alerts", name), []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "alerts:", err, "(run it in the root of the repository)")
			os.Exit(1)
		}
	}
}
