// SPDX-License-Identifier: Apache-2.0

package conf

import "slices"

// TakesPart reports whether the node of a configuration takes part in the elections of a service at all, by the file.
// Which priority it has there, and what it does with the address, is policy.
func TakesPart(cfg *Config, s *Service) bool {
	if s.Raw {
		return true
	}
	if _, named := cfg.Nodes[cfg.Node]; cfg.Nodes != nil && !named {
		return false
	}
	return cfg.Node == s.Owner || s.Inheritors == nil || slices.Contains(s.Inheritors, cfg.Node)
}
