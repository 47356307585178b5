// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Each function here turns one raw value into what it means: the default when the file does not have it, a diagnostic
// when it cannot be.

// enum resolves one of several words; the first is the default.
func enum[T ~string](s scope, name string, v scalar[string], words ...T) T {
	if !v.Set {
		return words[0]
	}
	if i := slices.Index(words, T(v.V)); i >= 0 {
		return words[i]
	}
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = string(w)
	}
	hint := ""
	if near := nearest(v.V, plain); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	s.errorf(v.off, "%s %q: want %s%s", name, v.V, alternatives(plain), hint)
	return words[0]
}

// alternatives writes "a", "b" or "c".
func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}

// whole resolves a number in a range.
func whole(s scope, name string, v scalar[int64], def, least, most int) int {
	if !v.Set {
		return def
	}
	if v.V < int64(least) || v.V > int64(most) {
		s.errorf(v.off, "%s %d: want %d to %d", name, v.V, least, most)
		return def
	}
	return int(v.V)
}

// span resolves a duration in a range.
func span(s scope, name string, v duration, def, least, most time.Duration) time.Duration {
	if !v.Set {
		return def
	}
	if v.V < least || v.V > most {
		s.errorf(v.off, "%s %s: want %s to %s", name, v.text, brief(least), brief(most))
		return def
	}
	return v.V
}

// brief writes a duration without the zeros that its String has at the end.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func boolean(v scalar[bool], def bool) bool {
	if !v.Set {
		return def
	}
	return v.V
}

// nameOf resolves a name that people choose: of a node, service or cluster.
func nameOf(s scope, key string, v scalar[string]) string {
	if v.Set && !goodName(v.V) {
		s.errorf(v.off, "%s %q: want 1 to 63 letters, digits, dots, dashes and underscores", key, v.V)
		return ""
	}
	return v.V
}

func goodName(name string) bool {
	if len(name) < 1 || len(name) > 63 {
		return false
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c) {
			return false
		}
	}
	return true
}

// interfaceName resolves the name of a network interface, as the kernel allows it.
func interfaceName(s scope, key string, v scalar[string]) string {
	bad := len(v.V) < 1 || len(v.V) > 15 || v.V == "." || v.V == ".."
	for _, c := range v.V {
		bad = bad || c <= ' ' || c == '/' || c == ':' || c == 0x7f
	}
	if v.Set && bad {
		s.errorf(v.off, "%s %q: want the name of an interface, 1 to 15 characters without blanks, slashes and colons", key, v.V)
	}
	return v.V
}

// absolute resolves a path that must not depend on where the daemon was started.
func absolute(s scope, key string, v scalar[string], def string) string {
	if !v.Set {
		return def
	}
	if !filepath.IsAbs(v.V) || strings.ContainsRune(v.V, 0) {
		s.errorf(v.off, "%s %q: want a path that starts with /", key, v.V)
	}
	return v.V
}

// hostPort resolves host:port.
func hostPort(s scope, key string, v scalar[string], needHost bool) string {
	if !v.Set {
		return ""
	}
	host, port, err := net.SplitHostPort(v.V)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || n == 0 || needHost && host == "" {
		s.errorf(v.off, "%s %q: want host:port, with an IPv6 address in brackets", key, v.V)
	}
	return v.V
}

// webURL resolves an http or https URL. It is not repeated in the diagnostic, as it may hold a token.
func webURL(s scope, key string, v scalar[string]) string {
	if !v.Set {
		return ""
	}
	if u, err := url.Parse(v.V); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		s.errorf(v.off, "%s: want a URL that starts with http:// or https:// and a host", key)
	}
	return v.V
}

// command resolves a command with its arguments.
func command(s scope, key string, v list) []string {
	if v.Set && (len(v.V) == 0 || v.V[0].Set && v.V[0].V == "") {
		s.errorf(v.off, "%s is empty: write the command and its arguments, a string each", key)
	}
	for _, e := range v.V {
		if strings.ContainsRune(e.V, 0) {
			s.errorf(e.off, "%s has a NUL character in it: no command can take that", key)
		}
	}
	return v.texts()
}

// filled resolves a text that must not be empty when it is given.
func filled(s scope, key string, v scalar[string]) string {
	if v.Set && v.V == "" {
		s.errorf(v.off, "%s is empty: write it or remove the key", key)
	}
	return v.V
}

// hostAddress resolves the unicast address of a host.
func hostAddress(s scope, key string, v scalar[string]) netip.Addr {
	if !v.Set {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(v.V)
	switch {
	case err != nil && strings.Contains(v.V, "/"):
		s.errorf(v.off, "%s %q: want an address without prefix length", key, v.V)
	case err != nil:
		s.errorf(v.off, "%s %q is not an IP address", key, v.V)
	case a.Zone() != "":
		s.errorf(v.off, "%s %q: leave out the zone, the service has its interface", key, v.V)
		return netip.Addr{}
	default:
		if why := notHost(a); why != "" {
			s.errorf(v.off, "%s %s is %s", key, a, why)
			return netip.Addr{}
		}
	}
	return a
}

// notHost says why an address cannot belong to a host on a network, empty if it can.
func notHost(a netip.Addr) string {
	switch {
	case a.Is4In6():
		return fmt.Sprintf("an IPv4 address in IPv6 form: write %s", a.Unmap())
	case a.IsUnspecified():
		return "the unspecified address: want the address of a host"
	case a.IsLoopback():
		return "a loopback address: no other node can reach it"
	case a.IsMulticast():
		return "a multicast address: want the address of a host"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address: want the address of a host"
	}
	return ""
}

// password resolves a secret that is given directly or by a file; off is the place of whichever gave it.
func password(s scope, v, file scalar[string]) (p Password, off int) {
	switch {
	case v.Set && file.Set:
		s.errorf(file.off, "password and password_file are both given: keep one, best the file")
	case v.Set:
		if v.V == "" {
			s.errorf(v.off, "password is empty: write it or remove the key")
		}
		return NewPassword(v.V), v.off
	case file.Set:
		data, ok := secretFile(s, "password_file", file)
		if !ok {
			return Password{}, file.off
		}
		text := strings.TrimRight(string(data), "\r\n")
		if text == "" {
			s.errorf(file.off, "password_file %s is empty: write the password into it, on one line", s.d.path(file.V))
		}
		return NewPassword(text), file.off
	}
	return Password{}, s.off
}

// secretFile reads a file with a secret.
func secretFile(s scope, key string, v scalar[string]) ([]byte, bool) {
	if filled(s, key, v) == "" {
		return nil, false
	}
	read := s.d.options.Secret
	if read == nil {
		read = ReadSecret
	}
	path := s.d.path(v.V)
	data, err := read(path)
	if err != nil {
		s.errorf(v.off, "%s %s: %v", key, path, err)
		return nil, false
	}
	return data, true
}

// keyRing reads a key file: base64 of 16, 24 or 32 bytes on each line.
func keyRing(s scope, v scalar[string]) []Password {
	data, ok := secretFile(s, "key_file", v)
	if !ok {
		return nil
	}
	var keys []Password
	bad := false
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if n := len(key); err != nil || n != 16 && n != 24 && n != 32 {
			bad = true
			s.errorf(v.off, "key_file %s: line %d is not base64 of 16, 24 or 32 bytes (head -c 32 /dev/urandom | base64)", s.d.path(v.V), i+1)
			continue
		}
		keys = append(keys, NewPassword(string(key)))
	}
	if len(keys) == 0 && !bad {
		s.errorf(v.off, "key_file %s holds no key: put one into it (head -c 32 /dev/urandom | base64)", s.d.path(v.V))
	}
	return keys
}
