// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Module is a part of a binary.
type Module struct {
	Path    string // github.com/spf13/cobra; "stdlib" for Go's own packages
	Version string // v1.10.2; 1.26.0 for stdlib
	Sum     string // h1:…, as in go.sum; empty for stdlib and for the program itself
	License string // SPDX identifier; empty until it is looked up
	Text    string // of its licence and notices
}

// Bill is what a binary consists of.
type Bill struct {
	Program  Module
	Package  string            // of its main function
	Digest   string            // SHA-256 of the file, in hexadecimal
	Settings map[string]string // GOOS, GOARCH, -trimpath, vcs.revision …
	Modules  []Module          // sorted by path
}

// Read reads what the linker wrote into a binary. version is that of the program, if the linker did not know it.
func Read(path, version string) (*Bill, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read what %s consists of: %w", path, err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(file)
	b := &Bill{Program: Module{Path: info.Main.Path, Version: cmp.Or(version, info.Main.Version)}, Package: info.Path,
		Digest: hex.EncodeToString(digest[:]), Settings: map[string]string{}}
	for _, s := range info.Settings {
		if s.Key != "-ldflags" && !strings.HasPrefix(s.Key, "CGO_") { // -trimpath leaves them out, other builds have paths in them
			b.Settings[s.Key] = s.Value
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules = append(b.Modules, Module{Path: m.Path, Version: m.Version, Sum: m.Sum})
	}
	// "go1.26.8 X:…": experiments are none of the version's.
	toolchain, _, _ := strings.Cut(info.GoVersion, " ")
	b.Modules = append(b.Modules, Module{Path: stdlib, Version: strings.TrimPrefix(toolchain, "go")})
	slices.SortFunc(b.Modules, func(x, y Module) int { return cmp.Compare(x.Path, y.Path) })
	return b, nil
}

// stdlib is the name by which databases of faults know Go's own packages.
const stdlib = "stdlib"
