// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"slices"
)

// lacking refuses a key that cannot be done, if it asks for something. What would be left out in silence could be who has an address.
func lacking(s scope, key string, g given, asks bool) {
	if g.Set && asks && slices.Contains(s.d.options.Lacking, key) {
		s.errorf(g.off, "%s: this version of Regent cannot do that yet", key)
	}
}

// lacking refuses what cannot be done of a service.
func (r *serviceResolver) lacking() {
	raw, out := r.raw, &r.out
	lacking(r.scope, "vmac", raw.VMAC.given, out.VMAC)
	lacking(r.scope, "accept", raw.Accept.given, !out.Accept)
	lacking(r.scope, "excluded_addresses", raw.Excluded.given, len(raw.Excluded.V) > 0)
	lacking(r.scope, "routes", raw.Routes.given, len(raw.Routes.V) > 0)
	lacking(r.scope, "rules", raw.Rules.given, len(raw.Rules.V) > 0)
}
