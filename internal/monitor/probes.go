// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func good(format string, args ...any) outcome {
	return outcome{ok: true, detail: fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) outcome { return outcome{detail: fmt.Sprintf(format, args...)} }

// probeOf returns what runs a check once, and what tells when it is to be run beside its interval; nil: nothing does.
func (m *Monitor) probeOf(c *Check) (probe func(context.Context) outcome, watch func(hurry func()) (end func())) {
	file := func(hurry func()) func() { return m.files.add(m.ctx, &m.running, c.Target, hurry) }
	switch c.Kind {
	case "tcp":
		return c.tcp, nil
	case "http":
		return c.http(), nil
	case "exec":
		return c.exec, nil
	case "process":
		if c.Process != nil {
			census := newCensus("/proc", c)
			return census.look, func(hurry func()) func() {
				m.follow.add(m.ctx, &m.running, census, hurry)
				return func() { m.follow.remove(census) }
			}
		}
		return func(context.Context) outcome { return processRuns("/proc", c.Target) }, nil
	case "unit":
		return func(ctx context.Context) outcome { return m.units.active(ctx, c.Target) }, nil
	case "file":
		return func(context.Context) outcome { return fileValue(c.Target) }, file
	case "interface":
		p := &patience{up: c.UpDelay, down: c.DownDelay}
		return func(context.Context) outcome {
			o := linkUp(net.InterfaceByName, c.Target)
			o.ok, o.again = p.settle(o.ok, time.Now())
			return o
		}, nil
	case "readable":
		return c.readable, file
	case "number":
		return func(context.Context) outcome { return number(c.Target) }, file
	}
	return func(context.Context) outcome { return bad("unknown kind of check %q", c.Kind) }, nil
}

// timedOut says it in words when the check's own limit ended it.
func (c *Check) timedOut(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", c.Timeout)
	}
	return reason(err)
}

// reason is an error without the addresses that net puts before it.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err.Error()
}

func (c *Check) tcp(ctx context.Context) outcome {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Target)
	if err != nil {
		return bad("connect %s: %s", c.Target, c.timedOut(ctx, err))
	}
	conn.Close() //nolint:errcheck // it answered
	return good("connect %s", c.Target)
}

// bodyLimit is how much of a body is looked at.
const bodyLimit = 64 << 10

func (c *Check) http() func(context.Context) outcome {
	var want *regexp.Regexp
	if c.Body != "" {
		var err error
		if want, err = regexp.Compile(c.Body); err != nil {
			return func(context.Context) outcome { return bad("body: %v", err) }
		}
	}
	return func(ctx context.Context) outcome {
		config := &tls.Config{InsecureSkipVerify: !c.Verify} //nolint:gosec // as the file says
		if c.CAFile != "" {
			pem, err := os.ReadFile(c.CAFile)
			if err != nil {
				return bad("ca_file: %v", err)
			}
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return bad("ca_file %s: no certificate in it", c.CAFile)
			}
		}
		// A fresh connection each time: a kept one tells nothing about new clients.
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Target, nil)
		if err != nil {
			return bad("%v", err)
		}
		req.Header.Set("User-Agent", "regent-check")
		resp, err := client.Do(req)
		if err != nil {
			return bad("GET %s: %s", c.Target, c.timedOut(ctx, err))
		}
		defer resp.Body.Close() //nolint:errcheck // only read from
		if c.Status != 0 && resp.StatusCode != c.Status || c.Status == 0 && (resp.StatusCode < 200 || resp.StatusCode > 399) {
			return bad("GET %s: status %d", c.Target, resp.StatusCode)
		}
		if want == nil {
			return good("GET %s: status %d", c.Target, resp.StatusCode)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
		if err != nil {
			return bad("GET %s: %s", c.Target, c.timedOut(ctx, err))
		}
		if !want.Match(body) {
			return bad("GET %s: the body does not match %q", c.Target, c.Body)
		}
		return good("GET %s: status %d, the body matches", c.Target, resp.StatusCode)
	}
}

// processRuns looks for a process by its name: the kernel's, which is cut after 15 bytes, or that of its first argument.
func processRuns(proc, name string) outcome {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return bad("read %s: %v", proc, err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has ended
		}
		if !alive(dir) {
			continue
		}
		if strings.TrimSuffix(string(comm), "\n") == name {
			return good("process %s runs, pid %s", name, e.Name())
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		first, _, _ := bytes.Cut(line, []byte{0})
		if len(first) > 0 && filepath.Base(string(first)) == name {
			return good("process %s runs, pid %s", name, e.Name())
		}
	}
	return bad("no process %s runs", name)
}

// alive reports whether a process is more than a zombie.
func alive(dir string) bool {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return false
	}
	i := bytes.LastIndexByte(stat, ')')
	return i+2 < len(stat) && stat[i+2] != 'Z' && stat[i+2] != 'X'
}

// fileValue reads the number in a file.
func fileValue(path string) outcome {
	v, err := readNumber(path)
	if err != nil {
		return bad("%v", err)
	}
	return outcome{ok: true, value: v, detail: fmt.Sprintf("%s holds %s", path, strconv.FormatFloat(v, 'f', -1, 64))}
}

// linkUp reads the state of an interface of this network namespace.
func linkUp(find func(string) (*net.Interface, error), name string) outcome {
	i, err := find(name)
	switch {
	case err != nil && strings.Contains(err.Error(), "no such network interface"): // net has no name for this error
		return bad("interface %s does not exist", name)
	case err != nil:
		return bad("interface %s: %s", name, reason(err))
	case i.Flags&net.FlagUp == 0:
		return bad("interface %s is down", name)
	case i.Flags&net.FlagRunning == 0:
		return bad("interface %s has no carrier", name)
	}
	return good("interface %s is up", name)
}

// readNumber reads one number from the beginning of a file.
func readNumber(path string) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only read from
	if err := f.SetReadDeadline(time.Now().Add(time.Second)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return 0, err
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return 0, err
	}
	v, err := parseNumber(b)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// parseNumber parses the first word as a number.
func parseNumber(b []byte) (float64, error) {
	words := bytes.Fields(b)
	if len(words) == 0 {
		return 0, errors.New("no number in it")
	}
	v, err := strconv.ParseFloat(string(words[0]), 64)
	if err != nil || v != v || v > 1e15 || v < -1e15 {
		return 0, fmt.Errorf("%.40q is no number", words[0])
	}
	return v, nil
}
