// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBlocksOfAPage(t *testing.T) {
	t.Parallel()
	got, err := Blocks("# Page\n\n```sh look\na\n\n  b\n```\n\n* item\n\n  ```toml\n  [x]\n    y = 1\n  ```\n```\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{Line: 3, Language: "sh", Words: []string{"look"}, Text: "a\n\n  b\n"},
		{Line: 11, Language: "toml", Words: []string{}, Text: "[x]\n  y = 1\n"},
		{Line: 15},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, page := range []string{"```sh\na\n", "```sh\n```text\n```\n"} {
		if _, err := Blocks(page); err == nil {
			t.Errorf("%q is taken", page)
		}
	}
}

func TestOutputHasTheLinesOfAPageInTheirOrder(t *testing.T) {
	t.Parallel()
	const output = "node db1, up 2s\n\nNAME    STATE\norders  active  17ms\n"
	for want, missing := range map[string]string{
		"NAME STATE\norders   active …\n":    "",
		"node db1, up …":                     "",
		"…db1…\n\n…17ms":                     "",
		"orders active …\nNAME STATE\n":      "NAME STATE",
		"orders active":                      "orders active",
		"ordersactive …":                     "ordersactive …",
		"orders  active  17ms\norders … …ms": "orders … …ms",
		"":                                   "",
	} {
		got, is := Missing(want, output)
		if is != (missing != "") || got != missing {
			t.Errorf("%q: %q, %t, want %q", want, got, is, missing)
		}
	}
}
