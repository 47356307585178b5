// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/regent-ha/regent/conf"
)

// includeCheck says what an include line must find.
type includeCheck uint8

const (
	includeRead     includeCheck = 1 << iota // what matches must be readable
	includeMatch                             // something must match
	includeWildcard                          // each pattern with a wildcard must match
	includeBrace                             // each alternative of braces must match
	includeAll      = includeRead | includeMatch | includeWildcard | includeBrace
)

// checks reads the words of include_check.
func (r *reader) checks(words []string, at Place) includeCheck {
	if r.IncludeAll {
		return includeAll
	}
	var c includeCheck
	for _, w := range words {
		switch w {
		case "read", "readable":
			c |= includeRead
		case "match":
			c |= includeMatch
		case "wildcard_match":
			c |= includeWildcard
		case "brace_match":
			c |= includeBrace
		default:
			r.warn(at, "include_check knows read, match, wildcard_match and brace_match, not %q%s", w,
				meant(w, []string{"read", "match", "wildcard_match", "brace_match"}))
		}
	}
	return c
}

// include handles an include line and reports whether it was one.
func (r *reader) include(t text) bool {
	word, pattern, _ := strings.Cut(strings.ReplaceAll(t.s, "\t", " "), " ")
	letter, ok := strings.CutPrefix(word, "include")
	if pattern = strings.Trim(pattern, blanks); !ok || len(letter) > 1 || pattern == "" {
		return false
	}
	check := r.check
	switch letter {
	case "":
	case "r":
		check |= includeRead
	case "m":
		check |= includeMatch
	case "w":
		check |= includeWildcard
	case "b":
		check |= includeBrace
	case "a":
		check = includeAll
	default:
		if letter < "a" || letter > "z" {
			return false
		}
		r.warn(t.place(0), "unknown keyword %q: it is taken for includer; the variants are includer, includem, includew, includeb and includea", word)
		check |= includeRead
	}
	at := t.place(len(t.s) - len(strings.TrimLeft(strings.TrimPrefix(t.s, word), blanks)))
	patterns, ok := braces(pattern)
	if !ok {
		r.refuse(at, File, "include pattern %q: braces that do not match, or more than %d alternatives", pattern, maxAlternatives)
		return true
	}
	found := false
	for _, p := range patterns {
		found = r.matching(p, len(patterns) > 1, check, at) || found
	}
	if !found {
		r.absent(at, check&(includeMatch|includeBrace) != 0, "no file matches %q", pattern)
	}
	return true
}

// matching reads the files that match one pattern and reports whether there were any.
func (r *reader) matching(pattern string, alternative bool, check includeCheck, at Place) bool {
	names := []string{pattern}
	if wild := strings.ContainsAny(pattern, "*?["); wild {
		full, err := fs.Glob(r.Files, rooted(r.absolute(pattern)))
		if err != nil {
			r.refuse(at, File, "include pattern %q: %v", pattern, err)
			return true
		}
		if len(full) == 0 {
			if check&includeWildcard != 0 || alternative && check&includeBrace != 0 {
				r.absent(at, true, "no file matches %q", pattern)
				return true
			}
			return !alternative && check&includeMatch == 0 // a pattern may match nothing
		}
		slices.Sort(full)
		names = names[:0]
		for _, f := range full {
			names = append(names, "/"+f)
		}
	} else if _, err := fs.Stat(r.Files, rooted(r.absolute(pattern))); err != nil {
		r.absent(at, check&includeRead != 0 || alternative && check&includeBrace != 0 || !alternative && check != 0,
			"cannot include %s: %v", pattern, reason(err))
		return true
	}
	for _, name := range names {
		r.included(name, pattern, check, at)
	}
	return true
}

// included reads one file that an include line names.
func (r *reader) included(name, pattern string, check includeCheck, at Place) {
	absolute := r.absolute(name)
	info, err := fs.Stat(r.Files, rooted(absolute))
	switch {
	case err != nil:
		r.absent(at, check&includeRead != 0, "cannot include %s: %v", name, reason(err))
	case info.IsDir():
		r.warn(at, "cannot include %s: it is a directory; write %s/*.conf for the files in it", name, strings.TrimSuffix(name, "/"))
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 != 0:
		r.warn(at, "%s is not included: it is executable or not a regular file", name)
	default:
		if path.IsAbs(name) && !path.IsAbs(pattern) {
			if short, ok := strings.CutPrefix(name, strings.TrimSuffix(r.base(), "/")+"/"); ok {
				name = short
			}
		}
		if f, err := r.Files.Open(rooted(absolute)); err != nil {
			r.absent(at, check&includeRead != 0, "cannot include %s: %v", name, reason(err))
			return
		} else if err := f.Close(); err != nil {
			r.absent(at, check&includeRead != 0, "cannot include %s: %v", name, reason(err))
			return
		}
		r.read(r.shown(name), absolute, at)
	}
}

// base returns the directory that relative names start from.
func (r *reader) base() string { return r.absolute(".") }

// shown returns how messages name an included file: as the operator would find it from where the main file was named.
func (r *reader) shown(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(path.Dir(r.file), name)
}

// absent says that an include found nothing: an error where the operator asked for one, else advice, as keepalived starts.
func (r *reader) absent(at Place, wanted bool, format string, args ...any) {
	if wanted {
		r.refuse(at, File, format, args...)
		return
	}
	r.add(at, Note, conf.Warning, format, args...)
}

// maxAlternatives bounds what braces in a pattern make of it.
const maxAlternatives = 256

// braces returns the alternatives of a pattern such as a/{b,c{d,e}}.conf.
func braces(pattern string) (out []string, ok bool) {
	todo := []string{pattern}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		open := strings.IndexByte(p, '{')
		if open < 0 {
			if strings.ContainsRune(p, '}') {
				return nil, false
			}
			out = append(out, p)
			continue
		}
		depth, from := 0, open+1
		var alternatives []string
		end := -1
		for i := open; i < len(p) && end < 0; i++ {
			switch p[i] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					alternatives = append(alternatives, p[from:i])
					end = i
				}
			case ',':
				if depth == 1 {
					alternatives = append(alternatives, p[from:i])
					from = i + 1
				}
			}
		}
		if end < 0 || len(out)+len(todo)+len(alternatives) > maxAlternatives {
			return nil, false
		}
		more := make([]string, len(alternatives))
		for i, a := range alternatives {
			more[i] = p[:open] + a + p[end+1:]
		}
		todo = append(more, todo...)
	}
	return out, true
}
