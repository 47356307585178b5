// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// httpAnswer answers in the conversation of a name.
func httpAnswer(name string) Stream {
	switch {
	case strings.HasPrefix(name, "move"):
		return &HTTP{Location: "http://10.0.0.102:8080"}
	case strings.HasPrefix(name, "page"):
		return &HTTP{Status: 302, Location: "https://status.example/orders"}
	case strings.HasPrefix(name, "later"):
		return &HTTP{RetryAfter: 1500 * time.Millisecond}
	}
	return &HTTP{}
}

func TestHTTPIsNotAvailableHere(t *testing.T) {
	t.Parallel()
	netGolden(t, "http", httpAnswer, nil)
}

// httpRead reads an answer as Go's own client does, and fails if anything is left behind it.
func httpRead(t interface{ Fatalf(string, ...any) }, reply []byte, method string) (*http.Response, string) {
	r := bufio.NewReader(bytes.NewReader(reply))
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v: %q", err, reply)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%v: %q", err, reply)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 || !res.Close || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%q behind %q", rest, reply)
	}
	return res, string(body)
}

func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	const other = "http://10.0.0.102"
	for _, c := range []struct {
		name     string
		answer   HTTP
		line     string
		status   int
		location string
	}{
		{"none", HTTP{}, "GET / HTTP/1.1", 503, ""},
		{"one", HTTP{Status: 404}, "GET / HTTP/1.1", 404, ""},
		{"one without words", HTTP{Status: 599}, "GET / HTTP/1.1", 599, ""},
		{"one that is no end", HTTP{Status: 100}, "GET / HTTP/1.1", 503, ""},
		{"one that is a lie", HTTP{Status: 200, Location: other}, "GET / HTTP/1.1", 503, ""},
		{"one that is none", HTTP{Status: 1000}, "GET / HTTP/1.1", 503, ""},
		{"an error with a place", HTTP{Status: 502, Location: other}, "GET /a HTTP/1.1", 502, ""},
		{"a place", HTTP{Location: other}, "GET /a HTTP/1.1", 307, other + "/a"},
		{"for good", HTTP{Status: 308, Location: other}, "GET /a HTTP/1.1", 308, other + "/a"},
		{"not modified", HTTP{Status: 304, Location: other}, "GET /a HTTP/1.1", 307, other + "/a"},
		{"redirected nowhere", HTTP{Status: 307}, "GET /a HTTP/1.1", 503, ""},
		{"a place that ends the line", HTTP{Location: other + "\r\nX: y"}, "GET / HTTP/1.1", 503, ""},
		{"a place that is no URL", HTTP{Location: "http://bücher.example/"}, "GET / HTTP/1.1", 503, ""},
		{"HTTP/2", HTTP{Location: other}, "PRI * HTTP/2.0", 503, ""},
		{"HTTP/1.0", HTTP{Location: other}, "GET /a HTTP/1.0", 307, other + "/a"},
		{"a version to come", HTTP{}, "GET /a HTTP/3.1", 503, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, v := dbHold(t, &c.answer, facts(), []byte(c.line+"\r\n\r\n"))
			res, body := httpRead(t, reply, http.MethodGet)
			if res.StatusCode != c.status || res.Header.Get("Location") != c.location || body != said+"\n" || v != Close {
				t.Errorf("%v: %q", v, reply)
			}
			if date, err := http.ParseTime(res.Header.Get("Date")); err != nil || !date.Equal(facts().Now) {
				t.Errorf("date %v: %v", date, err)
			}
		})
	}
}

// Only what is a path of this server is added, and only to what ends with its host.
func TestHTTPLocation(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("a", httpTargetLimit)
	for _, c := range []struct{ location, target, want string }{
		{"http://b", "/", "http://b/"},
		{"http://b", "/x/y?z=1&t=/", "http://b/x/y?z=1&t=/"},
		{"http://b/", "/x", "http://b/x"},
		{"http://b:81/", "/x", "http://b:81/x"},
		{"http://[2001:db8::1]:81", "/x", "http://[2001:db8::1]:81/x"},
		{"http://b", "//evil.example/", "http://b//evil.example/"},
		{"http://b", `/\evil.example`, `http://b/\evil.example`},
		{"http://b", "/@evil.example", "http://b/@evil.example"},
		{"http://b", "@evil.example", "http://b"},
		{"http://b", ".evil.example/", "http://b"},
		{"http://b", ":80/", "http://b"},
		{"http://b", "http://a/x", "http://b"},
		{"http://b", "*", "http://b"},
		{"http://b", "a:443", "http://b"},
		{"http://b", "/x#y", "http://b"},
		{"http://b", "/x y", "http://b"},
		{"http://b", "/x\ty", "http://b"},
		{"http://b", "/x\ry", "http://b"},
		{"http://b", "/\x00", "http://b"},
		{"http://b", "/é", "http://b"},
		{"http://b", "", "http://b"},
		{"http://b", long[1:], "http://b"},
		{"http://b", long[:httpTargetLimit], "http://b" + long[:httpTargetLimit]},
		{"http://b", long, "http://b"},
		{"http://b/away", "/x", "http://b/away"},
		{"http://b?away", "/x", "http://b?away"},
		{"http://b#away", "/x", "http://b#away"},
		{"http://b/?away", "/x", "http://b/?away"},
		{"http:///", "/x", "http:///"},
		{"/away", "/x", "/away"},
	} {
		if got := string(httpLocation(nil, c.location, []byte(c.target))); got != c.want {
			t.Errorf("%s for %q: want %q, got %q", c.location, c.target, c.want, got)
		}
	}
}

// Whatever is asked for, nobody is sent to another host, and no line is added to the answer.
func TestHTTPGoesWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.OneOf(rapid.StringMatching(`[/\\@:.a-c?#%\r\x00 ]{0,12}`), rapid.String()).Draw(t, "target")
		slash := rapid.SampledFrom([]string{"", "/"}).Draw(t, "slash")
		request := []byte("GET " + strings.ReplaceAll(target, "\n", "") + " HTTP/1.1\r\nHost: a\r\n\r\n")
		reply, _, v := (&HTTP{Location: "http://10.0.0.102:81" + slash}).Hear(facts(), request, nil)
		if v != Close {
			t.Fatalf("%q: %v", request, v)
		}
		res, _ := httpRead(t, reply, http.MethodGet)
		u, err := url.Parse(res.Header.Get("Location"))
		if err != nil { // such as "%zz", which goes on as it came
			return
		}
		if u.Host != "10.0.0.102:81" || u.Scheme != "http" || u.User != nil || bytes.Count(reply, []byte("\r\n")) != 8 {
			t.Fatalf("%q: %q", request, reply)
		}
	})
}

func TestHTTPRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer HTTP
		fact   time.Duration
		want   string
	}{
		{HTTP{}, 0, ""},
		{HTTP{}, time.Nanosecond, "1"},
		{HTTP{}, 30 * time.Second, "30"},
		{HTTP{RetryAfter: 2001 * time.Millisecond}, 30 * time.Second, "3"},
		{HTTP{RetryAfter: -1}, 0, ""},
		{HTTP{RetryAfter: 1<<63 - 1}, 0, "9223372037"},
		{HTTP{Location: "http://b"}, 30 * time.Second, ""},
		{HTTP{Location: "http://b", RetryAfter: time.Second}, 30 * time.Second, "1"},
	} {
		f := facts()
		f.RetryAfter = c.fact
		reply, _ := dbHold(t, &c.answer, f, []byte("GET / HTTP/1.1\r\n\r\n"))
		if res, _ := httpRead(t, reply, http.MethodGet); res.Header.Get("Retry-After") != c.want {
			t.Errorf("%+v, %v: want %q: %q", c.answer, c.fact, c.want, reply)
		}
	}
}

// What people read is one line, however long and whatever they called their service.
func TestHTTPSaysLittle(t *testing.T) {
	t.Parallel()
	for _, f := range []*Facts{dbLong(), dbShort(), {Service: "a\r\n\r\n<script>", Reason: "b\nc", Next: "\x00"}} {
		reply, _ := dbHold(t, &HTTP{}, f, []byte("GET / HTTP/1.1\r\n\r\n"))
		if _, body := httpRead(t, reply, http.MethodGet); len(body) > wordsLimit+1 || strings.Count(body, "\n") != 1 || strings.ContainsAny(body, "\r\x00") {
			t.Errorf("%q", body)
		}
	}
}

// A head that does not end is borne up to a limit, the same however it comes.
func TestHTTPHeadLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int
		want Verdict
	}{{httpHeadLimit, Close}, {httpHeadLimit + 1, Reset}, {2 * httpHeadLimit, Reset}} {
		head := "GET / HTTP/1.1\r\nX: \r\n\r\n"
		says := []byte(strings.Replace(head, "X: ", "X: "+strings.Repeat("x", c.size-len(head)), 1))
		for _, at := range []int{0, 1, 100, httpHeadLimit - 1, httpHeadLimit, len(says) - 1} {
			if _, v := dbHold(t, &HTTP{}, facts(), says[:at], says[at:]); v != c.want {
				t.Errorf("%d octets, cut at %d: %v", c.size, at, v)
			}
		}
	}
	if _, v := dbHold(t, &HTTP{}, facts(), []byte(strings.Repeat("\r\n", httpHeadLimit/2))); v != Reset {
		t.Errorf("empty lines: %v", v)
	}
}

// httpDial is a network with two hosts: one is refused, the other serves.
func httpDial(t *testing.T, a *HTTP, serves net.Listener) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if address != "10.0.0.101:80" {
			return (&net.Dialer{}).DialContext(ctx, "tcp", serves.Addr().String())
		}
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			var heard []byte
			b := make([]byte, 16)
			for {
				n, err := server.Read(b)
				if err != nil {
					return
				}
				heard = append(heard, b[:n]...)
				reply, _, v := a.Hear(facts(), heard, nil)
				if v == Wait {
					continue
				}
				go func() { _, _ = io.Copy(io.Discard, server) }()
				_, _ = server.Write(reply)
				return
			}
		}()
		t.Cleanup(func() { client.Close(); <-done })
		return client, nil
	}
}

// Go's client follows to the other address with method, path, query and body.
func TestHTTPMovesAClient(t *testing.T) {
	t.Parallel()
	var got string
	served := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.Host + " " + r.URL.String() + " " + string(body)
	}))
	defer served.Close()
	client := http.Client{Transport: &http.Transport{DialContext: httpDial(t, &HTTP{Location: "http://10.0.0.102"}, served.Listener), DisableKeepAlives: true}, Timeout: 10 * time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://10.0.0.101/orders/7?now=1", strings.NewReader(strings.Repeat("x", 100)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Expect", "100-continue")
	res, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if d := cmp.Diff("PUT 10.0.0.102 /orders/7?now=1 "+strings.Repeat("x", 100), got); d != "" || res.StatusCode != 200 {
		t.Errorf("%s (-want +got):\n%s", res.Status, d)
	}
}

// A client that speaks HTTP/2 at once gives up at once.
func TestHTTPEndsAClientOfHTTP2(t *testing.T) {
	t.Parallel()
	served := httptest.NewServer(http.NotFoundHandler())
	defer served.Close()
	transport := &http.Transport{DialContext: httpDial(t, &HTTP{}, served.Listener), Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	begun := time.Now()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.0.0.101/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client.Do(request); err == nil {
		res.Body.Close()
		t.Errorf("%s", res.Status)
	} else if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func TestHTTPIsReadByWireshark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		answer     HTTP
		want       string
	}{
		{"503", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP{}, "503|close|no-store||69"},
		{"head", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP{RetryAfter: time.Second}, "503|close|no-store||69"},
		{"307", "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n", HTTP{Location: "http://10.0.0.102"}, "307|close|no-store|http://10.0.0.102/x?y|69"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, _ := dbHold(t, &c.answer, facts(), []byte(c.says))
			got := netTCP(t, 80, []byte(c.says), reply, "http.response.code", "http.connection", "http.cache_control", "http.location", "http.content_length")
			if got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}

func FuzzHTTP(f *testing.F) {
	for _, c := range netTalks(f, "http") {
		f.Add(c.says, uint16(1), uint16(8))
	}
	f.Fuzz(func(t *testing.T, says []byte, a, b uint16) {
		first := min(int(a), len(says))
		second := first + min(int(b), len(says)-first)
		for _, s := range []*HTTP{{}, {Location: "http://10.0.0.102"}} {
			whole, end := dbHold(t, s, facts(), says)
			if got, v := dbHold(t, s, facts(), says[:first], says[first:second], says[second:]); !bytes.Equal(got, whole) || v != end {
				t.Errorf("cut at %d and %d: %q, %v; whole: %q, %v", first, second, got, v, whole, end)
			}
			if (end == Close) != (len(whole) > 0) || len(whole) > httpTargetLimit+wordsLimit+400 {
				t.Fatalf("%v: %q", end, whole)
			}
			if end != Close {
				continue
			}
			method, _, _ := bytes.Cut(bytes.TrimLeft(says, "\r\n"), []byte(" "))
			if res, _ := httpRead(t, whole, string(method)); res.StatusCode != 503 && res.StatusCode != 307 {
				t.Errorf("%q", whole)
			}
		}
	})
}
