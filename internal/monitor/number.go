// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// numberLimit is how much of a file is looked at for a number.
const numberLimit = 64

// number reads an integer from the beginning of a file, as strtol does with base 0. A file that is not there, or holds none, is 0:
// that is how keepalived's track_file counts.
func number(path string) outcome {
	f, err := os.Open(path)
	if err != nil {
		return good("%s cannot be read, which counts as 0", path)
	}
	defer f.Close() //nolint:errcheck // only read from
	b, err := io.ReadAll(io.LimitReader(f, numberLimit))
	if err != nil {
		return good("%s cannot be read, which counts as 0", path)
	}
	n := leadingNumber(string(b))
	return outcome{ok: true, value: float64(n), detail: fmt.Sprintf("%s holds %d", path, n)}
}

// leadingNumber is the integer that a text begins with: decimal, 0x hexadecimal or 0 octal; held within 32 bits.
func leadingNumber(text string) int64 {
	text = strings.TrimLeft(text, " \t\r\n\v\f")
	sign := ""
	if text != "" && (text[0] == '-' || text[0] == '+') {
		sign, text = text[:1], text[1:]
	}
	digits, base := "0123456789", 10
	switch lower := strings.ToLower(text); {
	case strings.HasPrefix(lower, "0x") && len(text) > 2 && strings.ContainsRune("0123456789abcdef", rune(lower[2])):
		digits, base, text = "0123456789abcdefABCDEF", 16, text[2:]
	case strings.HasPrefix(text, "0"):
		digits, base = "01234567", 8
	}
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(digits, r) })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(sign, "+")+text[:end], base, 64)
	if err != nil && n == 0 {
		return 0
	}
	return min(max(n, math.MinInt32), math.MaxInt32)
}
