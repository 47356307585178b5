// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strings"
	"testing"
)

func TestTNSRefusesAsAListenerWhoseInstancesTakeNothing(t *testing.T) {
	t.Parallel()
	dbGolden(t, "tns", func(string) Stream { return &TNS{} })
}

func TestTNSIsReadByWireshark(t *testing.T) {
	t.Parallel()
	for _, c := range dbTalks(t, "tns") {
		if len(c.hears) == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := dbDissect(t, 1521, c.says, c.hears, "tns.type", "tns.length", "tns.refuse_reason_user", "tns.refuse_reason_system", "tns.refuse_data")
			if want := "4|95|0x22|0x00|" + tnsText; got != want {
				t.Errorf("want %s, got %s", want, got)
			}
		})
	}
}

// Clients take an error out of the text by its brackets.
func TestTNSTextIsBalanced(t *testing.T) {
	t.Parallel()
	if strings.Count(tnsText, "(") != strings.Count(tnsText, ")") || !strings.Contains(tnsText, "(ERR=12528)") {
		t.Error(tnsText)
	}
}

func FuzzTNS(f *testing.F) {
	dbFuzz(f, "tns", func(int) int { return 95 }, &TNS{})
}
