// SPDX-License-Identifier: Apache-2.0

// Package sbom tells what a Go binary consists of: a bill of materials in CycloneDX 1.5, and the licences of its parts.
//
//	b, err := sbom.Read("bin/regent")                  // the modules that the linker put in, and their sums
//	err = b.License(ctx, "go")                         // their licences, from the module cache
//	document, err := b.CycloneDX()
//	notices := b.Notices()                             // the texts that have to go with the binary
//
// All of it depends on the binary alone: the same binary gives the same bytes.
package sbom
