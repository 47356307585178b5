// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ask asks the running daemon over its control socket. in, if there is one, is sent as JSON; the answer is decoded into out.
func ask(ctx context.Context, socket, method, path string, in, out any) error {
	client := &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
		},
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return failed("%v", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://regent"+path, body)
	if err != nil {
		return failed("%v", err)
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, os.ErrPermission):
		return failed("control socket %s: permission denied (be root, or in the socket's group)", socket)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return failed("control socket %s: no daemon is running there (see --run-dir)", socket)
	case err != nil:
		return failed("control socket %s: %v", socket, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // the status line says enough without it
		if resp.StatusCode == http.StatusUnprocessableEntity {
			return failed("%s", strings.TrimSpace(string(text)))
		}
		return failed("control socket %s: %s: %s", socket, resp.Status, strings.TrimSpace(string(text)))
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return failed("control socket %s: the answer makes no sense: %v", socket, err)
	}
	return nil
}
