// SPDX-License-Identifier: Apache-2.0

package sbom

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// The parts of a CycloneDX 1.5 document that are used.
type (
	document struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Ref        string     `json:"bom-ref"`
		Type       string     `json:"type"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Hashes     []digest   `json:"hashes,omitempty"`
		Licenses   []choice   `json:"licenses,omitempty"`
		PURL       string     `json:"purl"`
		Properties []property `json:"properties,omitempty"`
	}
	digest struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	choice struct {
		License    *license `json:"license,omitempty"`
		Expression string   `json:"expression,omitempty"`
	}
	license struct {
		ID string `json:"id"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
)

// CycloneDX returns the bill as a document of CycloneDX 1.5 in JSON. It has no time in it, and its number comes from the binary, so
// that the same binary has the same document.
func (b *Bill) CycloneDX() ([]byte, error) {
	if len(b.Digest) < 32 {
		return nil, fmt.Errorf("digest %q of the binary is none", b.Digest)
	}
	program := part(b.Program, "application")
	program.Name, program.Hashes = b.Package[strings.LastIndexByte(b.Package, '/')+1:], []digest{{"SHA-256", b.Digest}}
	for _, key := range slices.Sorted(maps.Keys(b.Settings)) {
		program.Properties = append(program.Properties, property{"go:build:" + key, b.Settings[key]})
	}
	d := document{Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", Spec: "1.5", Serial: serial(b.Digest), Version: 1,
		Metadata: metadata{program}, Components: []component{}, Dependencies: []dependency{{Ref: program.Ref}}}
	for _, m := range b.Modules {
		c := part(m, "library")
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		d.Components = append(d.Components, c)
		d.Dependencies[0].On = append(d.Dependencies[0].On, c.Ref)
	}
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

func part(m Module, kind string) component {
	c := component{Type: kind, Name: m.Path, Version: m.Version, PURL: packageURL(m)}
	c.Ref = c.PURL
	switch {
	case m.License == "":
	case strings.Contains(m.License, " "):
		c.Licenses = []choice{{Expression: m.License}}
	default:
		c.Licenses = []choice{{License: &license{m.License}}}
	}
	return c
}

// packageURL is the module's name in databases (purl): pkg:golang/PATH@VERSION, percent-encoded.
func packageURL(m Module) string {
	return "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(url.PathEscape(m.Version), "+", "%2B")
}

// serial makes a UUID of a digest (RFC 9562, version 8: as one likes).
func serial(digest string) string {
	h := []byte(digest[:32])
	h[12], h[16] = '8', "89ab"[h[16]%4]
	return fmt.Sprintf("urn:uuid:%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
