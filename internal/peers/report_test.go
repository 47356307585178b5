// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// key is one test of the matrix.
type key struct{ onHigh, onLow, protocol, scenario string }

// cell is its result.
type cell struct {
	ok     bool
	figure time.Duration
	left   time.Duration // how long a killed daemon's addresses stayed
	stayed bool          // … and they were still there at the end
}

// report collects results until they make a page.
type report struct {
	mu       sync.Mutex
	cells    map[key]cell
	repeated int
}

func newReport() *report { return &report{cells: map[key]cell{}} }

func (r *report) add(k key, c cell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cells[k] = c
}

// repeat counts a run that is played again.
func (r *report) repeat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repeated++
}

// publish writes the page if it is asked for and everything passed, and logs its tables anyway.
func (r *report) publish(t *testing.T, ok bool, list []scenario, pairs []pair) {
	t.Helper()
	page := r.page(list, pairs)
	t.Log("\n" + page)
	if !*update {
		return
	}
	if !ok || len(r.cells) < tests(list, pairs) {
		t.Errorf("docs/interop.md stays as it is: %d of %d tests were run, all passed: %t", len(r.cells), tests(list, pairs), ok)
		return
	}
	must(t, os.WriteFile(filepath.Join("..", "..", "docs", "interop.md"), []byte(page), 0o644))
}

// tests counts the tests of the whole matrix.
func tests(list []scenario, pairs []pair) (n int) {
	for _, p := range pairs {
		for _, proto := range p.protocols {
			for _, sc := range list {
				for _, onHigh := range slices.Compact([]string{p.ours, p.theirs}) {
					if sc.fits == nil || sc.fits(proto, onHigh) {
						n++
					}
				}
			}
		}
	}
	return n
}

// page is docs/interop.md.
func (r *report) page(list []scenario, pairs []pair) string {
	var b strings.Builder
	fmt.Fprintf(&b, intro, versions(), len(r.cells), bearable.Milliseconds(), r.repeated)
	for _, p := range pairs {
		r.table(&b, list, p)
	}
	b.WriteString(meaning)
	for _, sc := range list {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", sc.name, sc.story, sc.means)
	}
	r.leftovers(&b, pairs)
	return b.String()
}

const intro = `# Interoperability

What follows was measured by ` + "`go test ./internal/peers -run TestInterop -update`" + ` with %s.
Each cell is a run of its own: two daemons on one segment in network namespaces, the capture of the segment read by tshark
and judged, and the addresses of both kernels sampled each 25 ms. A tick means: every checksum is good, every TTL 255, the
expected node won within the time that its priority and interval allow, and outside of the election windows there was
exactly one advertiser and exactly one holder of the addresses, for longer than the slowest Active_Down_Interval.

The advertisement interval is 200 ms in version 3 and 1 s in version 2, priorities are 150 and 100. IPv4 version 3 is spoken with the
pseudo-header in the checksum, which is all that these peers know. Times include what the machine added. A run of these %d that
goes wrong while the machine itself stands still for more than %d ms is played again; this happened %d times.
`

const meaning = `
## The scenarios

| scenario | what happens | the time shown |
|---|---|---|
`

// table writes the results of one pair: a row a scenario, two columns a protocol.
func (r *report) table(b *strings.Builder, list []scenario, p pair) {
	if p.ours == p.theirs {
		fmt.Fprintf(b, "\n## %s with itself\n\n| scenario |", title(p.ours))
	} else {
		fmt.Fprintf(b, "\n## %s with %s\n\nFirst time: %s is the node with the higher priority. Second time: %s is.\n\n| scenario |",
			title(p.ours), title(p.theirs), title(p.ours), title(p.theirs))
	}
	for _, proto := range p.protocols {
		fmt.Fprintf(b, " %s |", proto.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(p.protocols)) + "\n")
	for _, sc := range list {
		fmt.Fprintf(b, "| %s |", sc.name)
		for _, proto := range p.protocols {
			text := r.show(key{p.ours, p.theirs, proto.name, sc.name})
			if p.ours != p.theirs {
				text += " · " + r.show(key{p.theirs, p.ours, proto.name, sc.name})
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
}

// show is the text of one result.
func (r *report) show(k key) string {
	c, run := r.cells[k]
	switch {
	case !run:
		return "–"
	case !c.ok:
		return "✘"
	default:
		return "✔ " + figure(c.figure)
	}
}

// title is a daemon's name as its project writes it.
func title(name string) string {
	switch name {
	case "regent":
		return "Regent"
	case "frr":
		return "FRR"
	}
	return name
}

func figure(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// leftovers writes what killed daemons left behind.
func (r *report) leftovers(b *strings.Builder, pairs []pair) {
	longest := map[string]cell{}
	for k, c := range r.cells {
		if k.scenario == killed && c.left >= longest[k.onHigh].left {
			longest[k.onHigh] = c
		}
	}
	b.WriteString("\n## What a killed daemon leaves\n\nAfter `kill -9` of all processes of the Active its addresses stay in its own kernel. " +
		"No other node can do anything about that, so\nthe tables above do not count it.\n\n| killed | its addresses |\n|---|---|\n")
	var names []string
	for _, p := range pairs {
		names = append(names, p.ours, p.theirs)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c, run := longest[name]
		switch {
		case !run:
		case c.stayed:
			fmt.Fprintf(b, "| %s | were still there at the end of the test |\n", title(name))
		default:
			fmt.Fprintf(b, "| %s | were gone after %s at the latest |\n", title(name), figure(c.left))
		}
	}
}

// versions names what was measured.
func versions() string {
	list := []string{
		version("keepalived", "--version"), "FRR " + version(frrPath, "--version"), version("tshark", "--version"),
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
		list = append(list, "Linux "+release)
	}
	return strings.Join(list, ", ")
}

// version is the name and version that a program says on its first line.
func version(program string, args ...string) string {
	out, err := exec.Command(program, args...).CombinedOutput()
	name := filepath.Base(program)
	if err != nil && len(out) == 0 {
		return name
	}
	for field := range strings.FieldsSeq(string(out)) {
		field = strings.TrimPrefix(field, "v")
		if strings.Trim(field, "0123456789.") == "" && strings.Contains(field, ".") {
			return name + " " + field
		}
	}
	return name
}
