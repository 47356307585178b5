// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"debug/buildinfo"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program builds Regent, as the binaries of tests do not say what they consist of.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regent")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/regent")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestBillHasEveryModuleOfTheBinaryWithItsLicence(t *testing.T) {
	t.Parallel()
	path := program(t)
	b, err := Read(path, "1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 || len(b.Modules) != len(info.Deps)+1 {
		t.Errorf("%d modules, the linker put %d in, and Go's own", len(b.Modules), len(info.Deps))
	}
	for _, d := range info.Deps {
		if !slices.Contains(b.Modules, Module{Path: d.Path, Version: d.Version, Sum: d.Sum}) {
			t.Errorf("no %s %s", d.Path, d.Version)
		}
	}
	i := slices.IndexFunc(b.Modules, func(m Module) bool { return m.Path == stdlib })
	if i < 0 || !regexp.MustCompile(`^1\.\d+`).MatchString(b.Modules[i].Version) {
		t.Errorf("Go's own packages are missing: %+v", b.Modules)
	}
	if err := b.License(t.Context(), "go", filepath.Join("..", "..")); err != nil {
		t.Fatal(err)
	}
	if b.Program.License != "Apache-2.0" {
		t.Errorf("the program has the licence %q", b.Program.License)
	}
	notices := b.Notices()
	for _, m := range b.Modules {
		if m.License == "" || !strings.Contains(notices, m.Path+" "+m.Version+" ("+m.License+")") || !strings.Contains(notices, m.Text) {
			t.Errorf("%s: licence %q is not in the notices", m.Path, m.License)
		}
	}
}

func TestDocumentDependsOnTheBinaryAlone(t *testing.T) {
	t.Parallel()
	b := &Bill{
		Program: Module{Path: "example.org/m", Version: "1.2.0", License: "Apache-2.0"}, Package: "example.org/m/cmd/prog",
		Digest:   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		Settings: map[string]string{"GOOS": "linux", "GOARCH": "amd64"},
		Modules:  []Module{{"a.org/x", "v1.0.0+incompatible", "h1:sum=", "MIT", "text"}, {"stdlib", "1.26.0", "", "BSD-3-Clause AND MIT", "text"}},
	}
	first, err := b.CycloneDX()
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.CycloneDX()
	if err != nil || string(first) != string(second) {
		t.Errorf("%v; two documents differ", err)
	}
	var d document
	if err := json.Unmarshal(first, &d); err != nil {
		t.Fatal(err)
	}
	want := document{Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", Spec: "1.5", Version: 1,
		Serial: "urn:uuid:00112233-4455-8677-8899-aabbccddeeff",
		Metadata: metadata{component{Ref: "pkg:golang/example.org/m@1.2.0", Type: "application", Name: "prog", Version: "1.2.0",
			Hashes: []digest{{"SHA-256", b.Digest}}, Licenses: []choice{{License: &license{"Apache-2.0"}}}, PURL: "pkg:golang/example.org/m@1.2.0",
			Properties: []property{{"go:build:GOARCH", "amd64"}, {"go:build:GOOS", "linux"}}}},
		Components: []component{
			{Ref: "pkg:golang/a.org/x@v1.0.0%2Bincompatible", Type: "library", Name: "a.org/x", Version: "v1.0.0+incompatible",
				Licenses: []choice{{License: &license{"MIT"}}}, PURL: "pkg:golang/a.org/x@v1.0.0%2Bincompatible", Properties: []property{{"go:sum", "h1:sum="}}},
			{Ref: "pkg:golang/stdlib@1.26.0", Type: "library", Name: "stdlib", Version: "1.26.0",
				Licenses: []choice{{Expression: "BSD-3-Clause AND MIT"}}, PURL: "pkg:golang/stdlib@1.26.0"},
		},
		Dependencies: []dependency{{"pkg:golang/example.org/m@1.2.0", []string{"pkg:golang/a.org/x@v1.0.0%2Bincompatible", "pkg:golang/stdlib@1.26.0"}}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestIdentifyKnowsTheCommonLicences(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                    "Apache-2.0",
		"Mozilla Public License,\nversion 2.0":                                            "MPL-2.0",
		"Redistribution and use in source and binary\nforms … Neither the name of Google": "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with":                         "BSD-2-Clause",
		"Permission is hereby granted, free of charge, to any person obtaining a copy":    "MIT",
		"all rights reserved": "",
	} {
		if got := Identify(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFileThatIsNoGoBinaryIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := Read("doc.go", ""); err == nil || !strings.Contains(err.Error(), "doc.go") {
		t.Errorf("%v", err)
	}
}
