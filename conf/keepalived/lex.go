// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"

	"github.com/regent-ha/regent/conf"
)

// Token is a word and where it stands.
type Token struct {
	Text   string
	At     Place
	quoted bool
	open   bool // its quotation does not end
}

// piece is what the lexer finds in a line: words, or one brace.
type piece struct {
	words []Token
	brace byte
	at    Place
}

// takesScript reports whether what follows a keyword is read as a command: with both kinds of quotes, and escapes.
func takesScript(word string) bool {
	switch word {
	case "script", "process", "notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted",
		"notify_master_rx_lower_pri", "notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script",
		"startup_script", "shutdown_script", "misc_path", "notify_up", "notify_down", "quorum_up", "quorum_down":
		return true
	}
	return false
}

// pieces takes a line apart. Braces stand for themselves unless within quotes or ${…}.
func (l *log) pieces(t text) []piece {
	var out []piece
	var words []Token
	flush := func() {
		if len(words) > 0 {
			out = append(out, piece{words: words, at: words[0].At})
			words = nil
		}
	}
	for i := 0; i < len(t.s); {
		switch c := t.s[i]; {
		case isBlank(c):
			i++
		case c == '{' || c == '}':
			flush()
			out = append(out, piece{brace: c, at: t.place(i)})
			i++
		default:
			var word Token
			if len(words) > 0 && takesScript(words[0].Text) {
				word, i = l.scriptWord(t, i)
			} else {
				word, i = l.plainWord(t, i)
			}
			words = append(words, word)
		}
	}
	flush()
	return out
}

// plainWord reads one word: up to a blank, brace or quote, or what stands within double quotes. \# and \! are the
// characters that would begin a comment otherwise; a backslash before anything else is itself.
func (l *log) plainWord(t text, i int) (Token, int) {
	at := t.place(i)
	if t.s[i] == '"' {
		end := strings.IndexByte(t.s[i+1:], '"')
		if end < 0 {
			l.add(at, Structure, conf.Warning, "a quotation begins here and does not end in this line: what it holds is not read")
			return Token{Text: t.s[i+1:], At: at, quoted: true, open: true}, len(t.s)
		}
		return Token{Text: t.s[i+1 : i+1+end], At: at, quoted: true}, i + end + 2
	}
	var b strings.Builder
	for i < len(t.s) {
		switch c := t.s[i]; {
		case isBlank(c) || c == '{' || c == '}' || c == '"':
			return Token{Text: b.String(), At: at}, i
		case c == '\\' && i+1 < len(t.s) && (t.s[i+1] == '#' || t.s[i+1] == '!'):
			b.WriteByte(t.s[i+1])
			i += 2
		case c == '$' && undefined(t.s[i:]) > 0:
			n := undefined(t.s[i:])
			b.WriteString(t.s[i : i+n])
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return Token{Text: b.String(), At: at}, i
}

// undefined returns the length of ${NAME} at the start of s, which nobody has defined if it is still there; its braces
// are no block's.
func undefined(s string) int {
	if u, ok := next(s, 0); ok && u.from == 0 && strings.HasPrefix(s, "${") {
		return u.to
	}
	return 0
}

// scriptWord reads one word of a command as the configuration holds it; [splitCommand] takes a quoted command apart.
func (l *log) scriptWord(t text, i int) (Token, int) {
	at := t.place(i)
	word, n, open, quoted := shellWord(t.s[i:], "{}")
	if open {
		l.refuse(at, Structure, "a quotation begins in this word and does not end in this line")
	}
	return Token{Text: word, At: at, quoted: quoted}, i + n
}

// shellWord reads a word by the rules of commands: '…' and "…" keep blanks and may touch other text, a backslash escapes.
// It ends at a blank or at one of the characters of stop. open says that a quotation did not end.
func shellWord(s, stop string) (word string, n int, open, quoted bool) {
	var b strings.Builder
	quote := byte(0)
	for n < len(s) {
		c := s[n]
		switch {
		case c == '\\' && n+1 < len(s):
			text, length := escape(s[n+1:])
			b.WriteString(text)
			n += length + 1
			continue
		case c == '$' && quote == 0 && undefined(s[n:]) > 0:
			length := undefined(s[n:])
			b.WriteString(s[n : n+length])
			n += length
			continue
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, quoted = c, true
		case quote == 0 && (isBlank(c) || strings.IndexByte(stop, c) >= 0):
			return b.String(), max(n, 1), false, quoted
		default:
			b.WriteByte(c)
		}
		n++
	}
	return b.String(), n, quote != 0, quoted
}

// escape reads what follows a backslash: text and how many bytes it took. s is not empty.
func escape(s string) (string, int) {
	if i := strings.IndexByte("abEfnrtv", s[0]); i >= 0 {
		return "\a\b\x1b\f\n\r\t\v"[i : i+1], 1
	}
	switch {
	case s[0] >= '0' && s[0] <= '7':
		return digits(s, 0, 3, 8)
	case s[0] == 'x' && len(s) > 1 && digit(s[1]) < 16:
		return digits(s, 1, len(s), 16)
	case s[0] == 'c' && len(s) > 1:
		return string([]byte{s[1] & 0x1f}), 2
	}
	return s[:1], 1
}

// digits reads at most so many digits from an offset on and returns the byte they give, as C's own escapes do.
func digits(s string, from, most, base int) (string, int) {
	v, n := 0, from
	for ; n < len(s) && n-from < most && digit(s[n]) < base; n++ {
		v = (v*base + digit(s[n])) & 0xff
	}
	return string([]byte{byte(v)}), n
}

// digit returns the value of a digit, 16 for what is none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}

// splitCommand takes a command apart into its words.
func splitCommand(s string) (words []string, ok bool) {
	for ok = true; ; {
		if s = strings.TrimLeft(s, blanks); s == "" {
			return words, ok
		}
		word, n, open, _ := shellWord(s, "")
		words, ok = append(words, word), ok && !open
		s = s[n:]
	}
}
