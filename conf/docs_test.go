// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentationIsTrue tries the examples of docs/configuration.md.
func TestDocumentationIsTrue(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, m := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		text := m[1]
		if !strings.Contains(text, "[[service]]") {
			text = oneService + text // keys of a service
		}
		tried++
		if _, diags := (Options{HostName: "db1"}).Parse("f", []byte(text)); len(diags) > 0 {
			t.Errorf("%s\n%s", text, diags)
		}
	}
	if tried < 3 {
		t.Errorf("%d examples, want 3", tried)
	}
	const broken = "# one\n# two\n[log]\n\n[policy]\n\n[[service]]\nname = \"orders\"\ninterface = \"eth0\"\nvirtual_router_id = 51\n" +
		"adress = [\"10.0.0.101/24\"]\npriority = 100\nversion = 3\nadvert_interval   = \"105ms\"\n"
	var out strings.Builder
	_, diags := Options{HostName: "db1"}.Parse("regent.toml", []byte(broken))
	if err := diags.Write(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), "$ regent check -c regent.toml\n"+out.String()+"```") {
		t.Errorf("the documentation does not show\n%s", out.String())
	}
}
