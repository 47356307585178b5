// SPDX-License-Identifier: Apache-2.0

package conf

import _ "embed" // for the reference

// Reference is reference.toml: every key with its meaning, unit, default and range.
//
//go:embed reference.toml
var Reference string
