// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// License looks up the licence of the program, in dir, and of each module in the module cache; goTool is the go command. A
// module whose licence is not recognised is an error: somebody has to look.
func (b *Bill) License(ctx context.Context, goTool, dir string) error {
	dirs, err := moduleDirs(ctx, goTool, dir)
	if err != nil {
		return err
	}
	if b.Program.License, b.Program.Text, err = licenseOf(dir); err != nil {
		return fmt.Errorf("licence of %s: %w", b.Program.Path, err)
	}
	for i := range b.Modules {
		m := &b.Modules[i]
		at, ok := dirs[m.Path+"@"+m.Version]
		if m.Path == stdlib {
			at, ok = dirs[stdlib], true
		}
		if !ok || at == "" {
			return fmt.Errorf("module %s %s is not in the module cache: go mod download", m.Path, m.Version)
		}
		if m.License, m.Text, err = licenseOf(at); err != nil {
			return fmt.Errorf("licence of %s %s: %w", m.Path, m.Version, err)
		}
	}
	return nil
}

// moduleDirs returns where modules are, by path@version.
func moduleDirs(ctx context.Context, goTool, dir string) (map[string]string, error) {
	root := exec.CommandContext(ctx, goTool, "env", "GOROOT")
	root.Dir = dir
	out, err := root.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	dirs := map[string]string{stdlib: strings.TrimSpace(string(out))}
	list := exec.CommandContext(ctx, goTool, "list", "-mod=readonly", "-m", "-json=Path,Version,Dir,Replace", "all")
	list.Dir = dir
	if out, err = list.Output(); err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	type module struct {
		Path, Version, Dir string
		Replace            *module
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if m.Replace != nil {
			m.Path, m.Version = m.Replace.Path, m.Replace.Version
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
}

// licenseOf reads the licence and the notices of a module.
func licenseOf(dir string) (id, text string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", "", err
	}
	var ids, texts []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		is := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if e.IsDir() || strings.HasSuffix(name, ".GO") || !is("LICENSE") && !is("LICENCE") && !is("COPYING") && !is("NOTICE") && !is("COPYRIGHT") {
			continue
		}
		t, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", "", err
		}
		texts = append(texts, strings.TrimSpace(string(t)))
		if found := Identify(string(t)); found != "" && !slices.Contains(ids, found) {
			ids = append(ids, found)
		}
	}
	if len(ids) == 0 {
		return "", "", fmt.Errorf("none is recognised in %s", dir)
	}
	slices.Sort(ids)
	return strings.Join(ids, " AND "), strings.Join(texts, "\n\n"), nil
}

// Identify returns the SPDX identifier of a licence by its text, or "".
func Identify(text string) string {
	has := func(words string) bool {
		return strings.Contains(strings.Join(strings.Fields(strings.ToLower(text)), " "), words)
	}
	switch {
	case has("apache license version 2.0") || has("apache license, version 2.0") && has("terms and conditions"):
		return "Apache-2.0"
	case has("mozilla public license version 2.0") || has("mozilla public license, version 2.0"):
		return "MPL-2.0"
	case has("redistribution and use in source and binary forms") && (has("neither the name") || has("names of its contributors")):
		return "BSD-3-Clause"
	case has("redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	case has("permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("permission to use, copy, modify, and/or distribute this software for any purpose"),
		has("permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	}
	return ""
}

// Notices returns the licences of all parts with their texts, each text once.
func (b *Bill) Notices() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s consists of these parts. Their licences ask that the texts below go with it.\n", b.Program.Path, b.Program.Version)
	var order []string
	users := map[string][]string{}
	for _, m := range append([]Module{b.Program}, b.Modules...) {
		if users[m.Text] == nil {
			order = append(order, m.Text)
		}
		users[m.Text] = append(users[m.Text], fmt.Sprintf("%s %s (%s)", m.Path, m.Version, m.License))
	}
	for _, text := range order {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 72), strings.Join(users[text], "\n"), text)
	}
	return out.String()
}
