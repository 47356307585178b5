// SPDX-License-Identifier: Apache-2.0

// Command gen writes the bill of materials of a binary, and the licences of its parts.
//
//	go run ./packaging/sbom/gen -version 1.2.0 -sbom regent.cdx.json -notices THIRD-PARTY bin/regent
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/regent-ha/regent/packaging/sbom"
)

func main() {
	version := flag.String("version", "", "the program's version")
	document := flag.String("sbom", "", "write the bill of materials to this `file`")
	notices := flag.String("notices", "", "write the licences to this `file`")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "sbom: want one binary")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *version, *document, *notices); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(binary, version, document, notices string) error {
	b, err := sbom.Read(binary, version)
	if err != nil {
		return err
	}
	if err := b.License(context.Background(), "go", "."); err != nil {
		return err
	}
	if document != "" {
		out, err := b.CycloneDX()
		if err != nil {
			return err
		}
		if err := os.WriteFile(document, out, 0o644); err != nil {
			return err
		}
	}
	if notices == "" {
		return nil
	}
	return os.WriteFile(notices, []byte(b.Notices()), 0o644)
}
