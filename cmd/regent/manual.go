// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/manual"
)

// manualCommand writes what a package installs besides the program: pages of the manual and completions.
func manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "manual DIRECTORY",
		Short: "write manual pages and completions",
		Long: `Writes DIRECTORY/man5 and man8 with the pages of the manual, and DIRECTORY/completions with those for bash, zsh and
fish. SOURCE_DATE_EPOCH gives the date of the pages.`,
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := writeManual(c.Root(), args[0], edition()); err != nil {
				return failed("manual: %v", err)
			}
			return nil
		},
	}
}

// edition is this version, with the date of its source if somebody says it.
func edition() manual.Edition {
	e := manual.Edition{Version: version}
	if n, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		e.Date = time.Unix(n, 0).UTC().Format(time.DateOnly)
	}
	return e
}

// writeManual writes the pages and completions below dir.
func writeManual(root *cobra.Command, dir string, e manual.Edition) error {
	pages := manual.Commands(root, e)
	reference, err := manual.Reference("regent.toml", conf.Reference, e)
	if err != nil {
		return err
	}
	for _, p := range append(pages, reference) {
		if err := writeBelow(dir, fmt.Sprintf("man%d/%s", p.Section, p.File()), p.Text); err != nil {
			return err
		}
	}
	for name, generate := range map[string]func(io.Writer) error{
		"regent.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_regent":     root.GenZshCompletion,
		"regent.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return err
		}
		if err := writeBelow(dir, "completions/"+name, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func writeBelow(dir, name string, b []byte) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
