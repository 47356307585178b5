// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Between occurrences of a field in one packet, and between fields: characters that
// tshark does not print itself.
const (
	occurrenceSeparator = ","
	fieldSeparator      = "\t"
)

// Tshark reads a capture with tshark and returns the fields of each packet that
// the display filter takes ("" takes all). Several occurrences of a field are
// joined by commas; a field that a packet does not have is "".
func Tshark(ctx context.Context, path, displayFilter string, fields ...string) ([]map[string]string, error) {
	return tshark(ctx, path, displayFilter, nil, fields...)
}

func tshark(ctx context.Context, path, displayFilter string, options []string, fields ...string) ([]map[string]string, error) {
	args := []string{
		"-n", "-r", path, "-T", "fields",
		"-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=" + occurrenceSeparator, "-E", "quote=n",
	}
	args = append(args, options...)
	if displayFilter != "" {
		args = append(args, "-Y", displayFilter)
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "tshark", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("read %s: %w (install tshark)", path, err)
		}
		return nil, fmt.Errorf("read %s with tshark: %w: %s", path, err, strings.TrimSpace(stderr.String()))
	}
	return parseFields(stdout.String(), fields)
}

// parseFields reads tshark's lines of separated fields.
func parseFields(text string, fields []string) ([]map[string]string, error) {
	var records []map[string]string
	for line := range strings.Lines(text) {
		values := strings.Split(strings.TrimRight(line, "\n"), fieldSeparator)
		if len(values) != len(fields) {
			return nil, fmt.Errorf("tshark printed %d fields where %d were asked for: %q", len(values), len(fields), line)
		}
		record := make(map[string]string, len(fields))
		for i, f := range fields {
			record[f] = values[i]
		}
		records = append(records, record)
	}
	return records, nil
}
