// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
)

// reader turns files into lines that hold configuration and nothing else: no comments, includes, conditions,
// definitions, sequences or names.
type reader struct {
	Options
	*log
	emit func(text)

	names   map[string]*definition
	rng     *rand.Rand
	check   includeCheck
	left    budget
	nesting int
	over    bool // a bound was met: nothing more is read

	file string      // being read, as messages name it
	dir  string      // its directory
	into *definition // a definition whose next line is to come
}

func newReader(o Options, l *log, b budget, emit func(text)) *reader {
	r := &reader{Options: o, log: l, emit: emit, names: map[string]*definition{}, rng: seeded(o.Seed), left: b}
	if o.IncludeAll {
		r.check = includeAll
	}
	return r
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }

// absolute returns the name from the root on.
func (r *reader) absolute(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	dir := r.dir
	if dir == "" {
		dir = r.Dir
	}
	return path.Join("/", dir, name)
}

// rooted returns an absolute name as io/fs wants it.
func rooted(name string) string {
	if name = strings.TrimPrefix(path.Clean(name), "/"); name == "" {
		return "."
	}
	return name
}

// bytes reads a file no larger than the bound.
func (r *reader) bytes(name string) ([]byte, error) {
	if r.Files == nil {
		return nil, errors.New("no file system to read from")
	}
	f, err := r.Files.Open(rooted(name))
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, reason(err)
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is not a regular file (%v)", info.Mode().Type())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, reason(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return data, nil
}

// reason is an error without the name of the file, which messages have already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// read reads a file, in the place of the line that includes it. Messages call it by the name that was written.
func (r *reader) read(name, absolute string, at Place) {
	if r.over {
		return
	}
	if r.nesting >= maxNesting || r.left.files == 0 {
		r.exhausted(at, "more than %d files, or %d within each other: does one include itself?", maxFiles, maxNesting)
		return
	}
	r.left.files--
	data, err := r.bytes(absolute)
	if err != nil {
		r.refuse(at, File, "cannot read %s: %v", name, err)
		return
	}
	outerFile, outerDir, outerCheck := r.file, r.dir, r.check
	r.file, r.dir = name, path.Dir(absolute)
	r.files = append(r.files, name)
	r.nesting++
	r.lines(data)
	if r.into != nil {
		r.warn(r.into.at, "$%s is not finished: its last line ends in a backslash", r.into.name)
		r.into = nil
	}
	r.nesting--
	r.file, r.dir, r.check = outerFile, outerDir, outerCheck
}

// lines goes through the lines of a file.
func (r *reader) lines(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for n := 1; len(data) > 0 && !r.over; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		at := Place{File: r.file, Line: n, Column: 1}
		if len(line) > maxLine {
			r.warn(at, "line of %d bytes: keepalived ignores a line of more than %d, and so does Regent", len(line), maxLine)
			continue
		}
		if i := bytes.IndexByte(line, 0); i >= 0 {
			r.warn(at, "the line ends at a NUL byte")
			line = line[:i]
		}
		if r.into == nil {
			r.see(string(line), at)
		}
		r.line(written(string(line), at))
	}
}

// line takes a line as it stands in a file.
func (r *reader) line(t text) {
	continues := strings.HasSuffix(strings.TrimRight(t.s, blanks), `\`)
	t = t.uncomment().trim()
	if r.into != nil {
		if continues || t.s != "" {
			r.more(t, continues)
		} else {
			r.into = nil
		}
		return
	}
	r.logical(t, continues, 0)
}

// more takes a further line of a definition.
func (r *reader) more(t text, continues bool) {
	if strings.HasSuffix(t.s, `\`) {
		t = t.cut(0, len(t.s)-1).trim()
	}
	if t.s != "" {
		r.into.lines = append(r.into.lines, t)
	}
	if !continues {
		r.into = nil
	}
}

// logical takes a line without comment: from a file, or out of a definition.
func (r *reader) logical(t text, continues bool, depth int) {
	if depth > maxDepth {
		r.exhausted(t.place(0), "definitions within definitions, more than %d deep: does one use itself?", maxDepth)
		return
	}
	for turn := 0; turn < maxDepth && !r.over; turn++ {
		t = t.trim()
		dropped := false
		if t, dropped = r.condition(t); t.s == "" && !dropped {
			return
		}
		if name, value, ok := defines(t); ok {
			r.define(name, t.place(0), value, continues, dropped)
			return
		}
		if dropped || r.include(t) || r.repeat(t, continues, depth) {
			return
		}
		var body []text
		if t, body = r.substitute(t); body != nil {
			for _, l := range body {
				r.logical(l, false, depth+1)
			}
			return
		}
		// A name may stand for @id, so look again before the line is taken for what it says.
		if again := t.trim(); !strings.HasPrefix(again.s, "@") && !strings.HasPrefix(again.s, "~") {
			r.out(again)
			return
		}
	}
	r.out(t.trim())
}

// condition judges a line that begins with @: it comes back without the condition, and dropped if that is not met.
func (r *reader) condition(t text) (rest text, dropped bool) {
	for strings.HasPrefix(t.s, "@") {
		end := strings.IndexAny(t.s, blanks)
		if end < 0 {
			end = len(t.s)
		}
		id, not := strings.CutPrefix(t.s[1:end], "^")
		if (id == r.ConfigID) == not {
			dropped = true
		}
		t = t.cut(end, len(t.s)).trim()
	}
	return t, dropped
}

// out passes a finished line on. Two keywords govern the reading itself.
func (r *reader) out(t text) {
	if t.s == "" || r.over {
		return
	}
	r.left.lines--
	r.left.text -= len(t.s)
	if r.left.lines < 0 || r.left.text < 0 {
		r.exhausted(t.place(0), "more than %d lines or %d MiB of configuration", maxLines, maxText>>20)
		return
	}
	words := strings.Fields(t.s)
	switch words[0] {
	case "random_seed":
		if len(words) > 1 {
			if n, err := parseUint(words[1]); err == nil {
				r.rng = seeded(n)
			}
		}
	case "include_check":
		r.check = r.checks(words[1:], t.place(0))
	}
	r.emit(t)
}

// exhausted says that a bound was met and ends the reading.
func (r *reader) exhausted(at Place, format string, args ...any) {
	if !r.over {
		r.over = true
		r.refuse(at, File, format, args...)
	}
}
