// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const matrixFile = "../../docs/keepalived-keywords.md"

// The document is what the table says: go test ./conf/keepalived -run TestTheMatrixIsTheTable -update writes it again.
func TestTheMatrixIsTheTable(t *testing.T) {
	t.Parallel()
	got := matrix()
	if *update {
		if err := os.WriteFile(matrixFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", matrixFile, diff)
	}
}

func matrix() string {
	var b strings.Builder
	table := Keywords()
	counts := map[string]int{}
	for _, k := range table {
		counts[verdict(k)]++
	}
	b.WriteString(`# Keywords of keepalived.conf

This is the table that Regent reads a keepalived.conf by, printed by its own test. Every keyword of keepalived's VRRP half
up to 2.4.3 is in it; those of the load balancer stay with ` + "`keepalived -C`" + `.

| Regent's answer | keywords | what that means |
|---|---|---|
`)
	for _, v := range []struct{ name, meaning string }{
		{"supported", "done as keepalived does it"},
		{"not needed", "read and passed over in silence; the reason is given"},
		{"has no effect", "read, and each use is named: somebody may miss it"},
		{"refused", "an error: to go on without would change who has an address"},
		{"load balancer", "read, so that braces match, and left to `keepalived -C`"},
	} {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", v.name, counts[v.name], v.meaning)
	}
	b.WriteString(`
Values beyond what Regent takes are cut to its range, with a warning. ` + "`regent convert FILE`" + ` shows what a file becomes, and
names each line that is not the same.
`)
	var blocks []string
	rows := map[string][]string{}
	for _, k := range table {
		if rows[k.Block] == nil {
			blocks = append(blocks, k.Block)
		}
		remark := k.Note
		if remark == balancer {
			remark = ""
		}
		if k.Since != "" {
			remark = strings.TrimSuffix("since "+k.Since+"; "+remark, "; ")
		}
		rows[k.Block] = append(rows[k.Block], fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.Name, code(k.Args), verdict(k), cell(remark)))
	}
	for _, block := range blocks {
		name := "`" + block + "`"
		if block == "" {
			name = "Outside of every block"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| keyword | takes | Regent | |\n|---|---|---|---|\n%s", name, strings.Join(rows[block], ""))
	}
	return b.String()
}

// verdict is the one word of the document for what becomes of a keyword.
func verdict(k Keyword) string {
	switch {
	case k.Note == balancer:
		return "load balancer"
	case k.Support == Accepted:
		return "not needed"
	case k.Support == Warned:
		return "has no effect"
	case k.Support == Refused:
		return "refused"
	}
	return "supported"
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
