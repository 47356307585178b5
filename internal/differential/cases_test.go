// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"slices"
	"testing"
)

// cases are all.
func cases(t *testing.T) []Case {
	t.Helper()
	// The long ones first, so that they end with the rest.
	return slices.Concat(generatedCases(t), sampleCases(t), pairCases(), trackerCases(), bfdCases(), effectCases(), routeCases())
}
